"""The audit log in words: every kind of event of a run, with its effects."""

from __future__ import annotations

import pytest

from psyche_cli.history.events import decode
from psyche_cli.history.replay import Replay
from psyche_cli.history.words import who, words
from tests.history.recorded import PlayedRun, RecordedRun, Recording
from tests.support.counts import repetitions

MARKUP = "<script>alert(1)</script>\x1b[31m\u202e"


def told(run: Recording, names: dict[str, str]) -> list[str]:
    """The sentences about the instructions of Psyche and about tokens, with names in place of addresses."""
    replay = Replay(run.addresses)
    found = []
    for transaction in run.transactions():
        steps = replay.add(transaction).steps
        for event, step in zip(decode(transaction), steps, strict=True):
            assert (event.outer, event.inner) == (step.outer, step.inner)
            sentence = words(event, step.before, step.after)
            assert sentence.isprintable()
            assert sentence.endswith(".")
            for address, name in names.items():
                sentence = sentence.replace(address, name)
            if event.program in ("coordinator", "treasurer", "authorizer", "spl-token", "memo"):
                found.append(sentence)
    return found


def names_of(run: Recording) -> dict[str, str]:
    """Short names of the accounts of a run."""
    instance = run.instance
    names = {str(run.owner.address): "OWNER", str(instance.coordinator_account): "ACCOUNT"}
    names |= {str(wallet.address): f"M{number}" for number, wallet in enumerate(run.members)}
    if run.treasury is not None:
        names |= {str(run.treasury.run): "RUN", str(run.treasury.mint): "MINT", str(run.treasury.vault): "VAULT"}
    return names


def test_a_run_without_a_treasurer() -> None:
    run = RecordedRun()
    run.create()
    run.set_rates(earning=300)
    run.set_rates(earning=300)
    run.send(run.owner, run.change("update_client_version", new_version="v2"))
    run.update(metadata={"name": MARKUP[:40], "description": "", "num_parameters": 1, "vocab_size": 2})
    run.fails(run.tick_now)
    run.resume()
    run.start_training(0, 1, 2)
    run.tick_now()
    run.play_round()
    run.play_round(2)
    run.play_round(2)
    run.report_absent(0, 2)
    run.pause()
    run.join(0)
    run.join(0)
    run.play_round()
    run.checkpoint(0, {"Hub": {"repo_id": "a/b", "revision": None}})
    run.end_cooldown()
    run.update(config={**run.account.config, "min_clients": 1, "total_steps": 77})
    run.close()
    names = names_of(run)
    lines = told(run, names)
    assert lines[0] == "Owner OWNER created the run 'test' (main authority OWNER, join authority OWNER)."
    assert lines[1].startswith(
        "Owner OWNER changed warmup_time 0 -> 10, cooldown_time 0 -> 7, max_round_train_time 0 -> 20"
    )
    assert lines[2] == "Owner OWNER created an authorization, still inactive, for everyone to join runs."
    rest = lines[4:]
    assert rest == [
        "Owner OWNER changed the future earning rate 0 -> 300 points.",
        "Owner OWNER set the earning rate to 300 points for future epochs, without a change.",
        "Owner OWNER changed client_version 'latest' -> 'v2'.",
        (
            r"Owner OWNER changed metadata.name '' -> '<script>alert(1)</script>\x1b[31m\u202e', "
            "metadata.num_parameters 0 -> 1, metadata.vocab_size 0 -> 2."
        ),
        (
            "Owner OWNER failed to tick the run: The coordinator program rejected the transaction: Coordinator error: "
            "Halted [CoordinatorErrorHalted 6015]."
        ),
        "Owner OWNER started the run: Uninitialized -> Waiting for members.",
        "Member M0 joined the run as member 1.",
        "Member M1 joined the run as member 2.",
        "Member M2 joined the run as member 3.",
        (
            "Owner OWNER ticked the run: Waiting for members -> Warmup, epoch 0 began with 3 members, "
            "current earning rate 0 -> 300 points."
        ),
        "Member M0 reported that it had loaded the model.",
        "Member M1 reported that it had loaded the model.",
        "Member M2 reported that it had loaded the model: Warmup -> Training.",
        "Owner OWNER ticked the run: nothing was due.",
        *(f"Member M{number} witnessed step 1 (loss 0)." for number in (0, 1)),
        "Member M2 witnessed step 1 (loss 0): Training -> Witness.",
        "Owner OWNER ticked the run: Witness -> Training, step 2 began.",
        *(f"Member M{number} witnessed step 2 (loss 0)." for number in (0, 1)),
        "Owner OWNER ticked the run: Training -> Witness.",
        "Owner OWNER ticked the run: Witness -> Training, step 3 began.",
        *(f"Member M{number} witnessed step 3 (loss 0)." for number in (0, 1)),
        "Owner OWNER ticked the run: Training -> Witness.",
        "Owner OWNER ticked the run: Witness -> Training, step 4 began.",
        "Member M0 reported the absence of M2: it is dropped at the end of the round.",
        "Owner OWNER requested a pause: the run pauses at the end of the epoch.",
        "Member M0 joined again for the next epoch.",
        "Member M0 joined again, without effect.",
        "Member M0 witnessed step 4 (loss 0).",
        "Member M1 witnessed step 4 (loss 0).",
        "Member M2 witnessed step 4 (loss 0): Training -> Witness.",
        "Owner OWNER ticked the run: Witness -> Cooldown, the run is at step 5, member M2 left the epoch (Dropped).",
        "Member M0 recorded the checkpoint Hub 'a/b'.",
        (
            "Owner OWNER ticked the run: Cooldown -> Paused, epoch 0 ended, nobody earned points, 2 members withdrawn, "
            "checkpoint Hub 'a/b' -> P2P 'a/b'."
        ),
        "Owner OWNER changed total_steps 50 -> 77, min_clients 2 -> 1.",
        "Owner OWNER closed the run; OWNER got its rent.",
    ]


def test_a_run_with_a_treasurer() -> None:
    run = RecordedRun()
    run.create_with_treasurer()
    run.top_up(1_500_000)
    run.mint_into_vault(5)
    run.set_rates(earning=300)
    run.resume()
    run.start_training(0, 1, 2)
    run.play_to_cooldown()
    run.end_cooldown()
    run.claim(1, 40)
    run.fails(run.claim, 1, 61)
    run.pause()
    told_words = ("vault", "treasurer", "claimed")
    lines = [line for line in told(run, names_of(run)) if any(word in line for word in told_words)]
    claim = next(line for line in lines if line.startswith("Member M1 claimed 40 points into "))
    tokens = claim.rpartition(" ")[2].rstrip(".")
    source = next(line for line in lines if "1.5 tokens" in line).split(" from ")[1].split(" to ")[0]
    changes = next(line for line in lines if line.startswith("Owner OWNER changed warmup_time"))
    assert changes.endswith(" and 11 more through the treasurer.")
    assert [line.replace(tokens, "TOKENS").replace(source, "SOURCE") for line in lines if line != changes] == [
        "Owner OWNER created a treasurer of the run 'test' that pays in mint MINT (main authority OWNER).",
        "Owner OWNER updated the run through its treasurer (config, model).",
        (
            "Owner OWNER transferred 1.5 tokens (1500000 base units) from SOURCE to the vault of the run; "
            "the vault holds 1500000 base units."
        ),
        (
            "Owner OWNER minted 0.000005 tokens (5 base units) to the vault of the run; the vault holds 1500005 base "
            "units."
        ),
        "Owner OWNER updated the run through its treasurer (rates).",
        "Owner OWNER changed the future earning rate 0 -> 300 points through the treasurer.",
        "Owner OWNER resumed the run through its treasurer.",
        "Owner OWNER started the run through the treasurer: Uninitialized -> Waiting for members.",
        "Member M1 registered with the treasurer.",
        "Member M1 claimed 40 points into TOKENS.",
        (
            "Member M1 transferred 40 base units from the vault of the run to TOKENS through the treasurer; "
            "the vault holds 1499965 base units."
        ),
        (
            "Member M1 failed to claim 61 points into TOKENS: The treasurer program rejected the transaction: Invalid "
            "parameter [InvalidParameter 6000]."
        ),
        "Owner OWNER paused the run through its treasurer.",
        "Owner OWNER paused the run through the treasurer: Waiting for members -> Paused, 3 members withdrawn.",
    ]


def test_authorizations() -> None:
    run = RecordedRun()
    run.create()
    run.add_members(2)
    grantee, delegate = run.members
    owner, build = run.owner.address, run.build
    create = build.authorization_create(payer=owner, grantor=owner, grantee=grantee.address)
    permit = create.accounts[2].pubkey
    run.send(run.owner, create)
    run.send(run.owner, build.authorization_grantor_update(grantor=owner, authorization=permit, active=True))
    for clear, added in ((False, [delegate.address]), (True, []), (True, [delegate.address, owner]), (False, [])):
        update = build.authorization_grantee_update(
            payer=grantee.address,
            grantee=grantee.address,
            authorization=permit,
            delegates_clear=clear,
            delegates_added=added,
        )
        run.send(grantee, update)
    run.send(run.owner, build.authorization_grantor_update(grantor=owner, authorization=permit, active=False))
    names = {**names_of(run), str(permit): "PERMIT"}
    assert told(run, names)[4:] == [
        "Owner OWNER created an authorization, still inactive, for M0 to join runs.",
        "Owner OWNER activated the authorization PERMIT.",
        "M0 added 1 delegate in the authorization PERMIT.",
        "M0 removed all delegates in the authorization PERMIT.",
        "M0 removed all delegates in the authorization PERMIT and added 2 delegates.",
        "M0 changed nothing in the authorization PERMIT.",
        "Owner OWNER deactivated the authorization PERMIT.",
    ]


def test_without_states_a_sentence_says_what_the_instruction_is_for() -> None:
    run = RecordedRun()
    run.create()
    run.resume()
    [*_, resumed] = decode(run.transactions()[-1])
    assert words(resumed) == f"{run.owner.address} resumed the run."
    assert who(resumed).role == ""


@pytest.mark.parametrize("number", range(repetitions(8)))
def test_every_event_of_a_random_run_has_a_sentence(random_seed: int, number: int) -> None:
    run = PlayedRun(f"{random_seed}:words:{number}")
    for _ in range(60):
        run.act()
    lines = told(run, {})
    assert len(lines) > 10
    assert not [line for line in lines if "unknown" in line]
