// The members of a run.

let memberOrder = [0, 1];

function units(value) {
  return value === null ? null : BigInt(value.base_units);
}

function membersSection(run) {
  const { members } = run;
  if (!members) return section("members", "Members", missing(run.problems.members, "The members cannot be read."));
  const { counts } = members;
  const claims = members.collateral_mint !== null;
  const columns = [
    { title: "Wallet", row: true, sort: (one) => one.wallet, cell: (one) => address(one.wallet) },
    { title: "Health", sort: (one) => one.health, cell: (one) => healthOf(one) },
    { title: "Next epoch", sort: (one) => participation(one), cell: (one) => participation(one) },
    { title: "Witnessed", class: "number wide", sort: (one) => one.rounds_witnessed, cell: (one) => `${whole(one.rounds_witnessed)} of ${whole(members.stored_rounds)}` },
    { title: "Earned", class: "number", sort: (one) => units(one.earned), cell: (one) => amount(one.earned) },
    { title: "Slashed", class: "number wide", sort: (one) => units(one.slashed), cell: (one) => amount(one.slashed) },
  ];
  if (claims) {
    columns.push({ title: "Claimed", class: "number wide", sort: (one) => units(one.claimed), cell: (one) => amount(one.claimed) });
    columns.push({ title: "Claimable", class: "number wide", sort: (one) => units(one.claimable), cell: (one) => amount(one.claimable) });
  }
  const parts = [
    counted(counts.all, "wallet") + " ever joined",
    `${whole(counts.in_epoch)} in the epoch`,
    `${whole(counts.joined)} joined epoch ${whole(members.next_epoch)}`,
    counts.must_join_again ? `${whole(counts.must_join_again)} must join again` : null,
    counts.dropped ? `${whole(counts.dropped)} dropped` : null,
    counts.withdrawn ? `${whole(counts.withdrawn)} withdrawn` : null,
    counts.ejected ? `${whole(counts.ejected)} ejected` : null,
    counts.late ? `${whole(counts.late)} joined too late` : null,
  ];
  return section("members", "Members",
    h("p", { class: "quiet" }, parts.filter(Boolean).join(", "), ". ", claims ? "Amounts in tokens." : "Amounts in points."),
    table({
      caption: "Members", columns, items: members.members, key: (one) => one.wallet, empty: "Nobody has joined yet.",
      order: memberOrder[0] < columns.length ? memberOrder : [0, 1],
      sortBy: (order) => {
        memberOrder = order;
        render();
      },
    }));
}

const HEALTH = { Healthy: "✓", Dropped: "✕", Withdrawn: "↩", Ejected: "■" };

function healthOf(one) {
  if (one.health === null) return h("span", { class: "quiet" }, "not in the epoch");
  const sign = Object.hasOwn(HEALTH, one.health) ? HEALTH[one.health] : "";
  const left = one.left_in_round === null ? "" : `, round ${whole(one.left_in_round)}`;
  return h("span", { class: one.health === "Healthy" ? "good" : "bad" }, h("span", { class: "sign", "aria-hidden": "true" }, sign), plain(one.health) + left);
}

function participation(one) {
  if (one.joined_too_late) return "joined too late";
  if (one.must_join_again) return "must join again";
  return one.joined_epoch === null ? "–" : "joined";
}
