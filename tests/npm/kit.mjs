// A session of @solana/kit and the program clients made for it against `psyche-cli localnet`.
import assert from 'node:assert/strict';
import {
  fetchAddressLookupTable,
  getCreateLookupTableInstructionAsync,
  getExtendLookupTableInstruction,
} from '@solana-program/address-lookup-table';
import { LEGACY_MEMO_PROGRAM_ADDRESS_V3, getAddMemoInstruction } from '@solana-program/memo';
import {
  SYSTEM_ERROR__RESULT_WITH_NEGATIVE_LAMPORTS,
  SYSTEM_PROGRAM_ADDRESS,
  fetchNonce,
  getCreateAccountInstruction,
  getInitializeNonceAccountInstruction,
  getNonceSize,
  getTransferSolInstruction,
  isSystemError,
} from '@solana-program/system';
import {
  TOKEN_PROGRAM_ADDRESS,
  fetchMaybeToken,
  fetchMint,
  fetchToken,
  findAssociatedTokenPda,
  getBurnInstruction,
  getCloseAccountInstruction,
  getCreateAssociatedTokenIdempotentInstruction,
  getInitializeMint2Instruction,
  getMintSize,
  getMintToInstruction,
  getTransferCheckedInstruction,
} from '@solana-program/token';
import * as kit from '@solana/kit';
import { FEE, SOL, endpoints, run, until, warpSlots, within } from './session.mjs';

const { rpcUrl, wsUrl } = endpoints();
const SOLS = BigInt(SOL);
const TOO_MUCH = 1000n * SOLS;
const commitment = 'confirmed';

const rpc = kit.createSolanaRpc(rpcUrl);
const rpcSubscriptions = kit.createSolanaRpcSubscriptions(wsUrl);
const sendAndConfirm = kit.sendAndConfirmTransactionFactory({ rpc, rpcSubscriptions });
const sendAndConfirmDurable = kit.sendAndConfirmDurableNonceTransactionFactory({ rpc, rpcSubscriptions });
const session = { wallet: await kit.generateKeyPairSigner(), friend: await kit.generateKeyPairSigner() };

/** A transfer from the wallet to its friend. Every step sends another amount, so that no two transactions are equal. */
function payment(amount) {
  return getTransferSolInstruction({ source: session.wallet, destination: session.friend.address, amount });
}

async function latestBlockhash() {
  return (await rpc.getLatestBlockhash({ commitment }).send()).value;
}

/** A message of version 0 that the wallet pays for. */
async function message(...instructions) {
  const latest = await latestBlockhash();
  return kit.pipe(
    kit.createTransactionMessage({ version: 0 }),
    (tx) => kit.setTransactionMessageFeePayerSigner(session.wallet, tx),
    (tx) => kit.setTransactionMessageLifetimeUsingBlockhash(latest, tx),
    (tx) => kit.appendTransactionMessageInstructions(instructions, tx),
  );
}

async function signed(...instructions) {
  return kit.signTransactionMessageWithSigners(await message(...instructions));
}

/** Send with preflight, confirm by WebSocket, and give the signature. */
async function settle(...instructions) {
  const transaction = await signed(...instructions);
  await within(sendAndConfirm(transaction, { commitment }), 'a confirmation');
  return kit.getSignatureFromTransaction(transaction);
}

function send(transaction, config = {}) {
  const wire = kit.getBase64EncodedWireTransaction(transaction);
  return rpc.sendTransaction(wire, { encoding: 'base64', preflightCommitment: commitment, ...config }).send();
}

async function balance(address) {
  return (await rpc.getBalance(address, { commitment }).send()).value;
}

async function status(signature) {
  return (await rpc.getSignatureStatuses([signature]).send()).value[0];
}

/** The first notification of a subscription after an action; it is cancelled then. */
async function told(request, action) {
  const abort = new AbortController();
  const notifications = await request.subscribe({ abortSignal: abort.signal });
  const first = within(
    (async () => {
      for await (const notification of notifications) return notification;
    })(),
    'a notification',
  );
  await action();
  const notification = await first;
  abort.abort();
  return notification;
}

const nothing = async () => {};

/** The error with which a promise is refused; its code must be this one. */
async function refusal(promise, code) {
  const error = await promise.then(
    () => assert.fail('was not refused'),
    (reason) => reason,
  );
  assert.ok(kit.isSolanaError(error, code), `${error?.context?.__code}: ${error}`);
  return error;
}

// -- the cluster

async function theClusterIsHealthy() {
  assert.equal(await rpc.getHealth().send(), 'ok');
  assert.match((await rpc.getVersion().send())['solana-core'], /^\d+\.\d+\.\d+/);
  assert.ok(kit.isAddress((await rpc.getIdentity().send()).identity));
  assert.ok((await rpc.getGenesisHash().send()).length >= 32);
}

async function slotsAndHeightsGrow() {
  const slot = await rpc.getSlot().send();
  await until(() => rpc.getSlot({ commitment: 'processed' }).send(), (now) => now > slot, 'a slot');
  assert.ok((await rpc.getBlockHeight().send()) > 0n);
  const asking = rpc.getSlot({ minContextSlot: 10n ** 9n }).send();
  await refusal(asking, kit.SOLANA_ERROR__JSON_RPC__SERVER_ERROR_MIN_CONTEXT_SLOT_NOT_REACHED);
}

async function epochsSupplyAndRentAreTold() {
  const [info, schedule] = [await rpc.getEpochInfo().send(), await rpc.getEpochSchedule().send()];
  assert.equal(info.slotsInEpoch, schedule.slotsPerEpoch);
  const { value } = await rpc.getSupply().send();
  assert.equal(value.total, value.circulating + value.nonCirculating);
  assert.equal(await rpc.getMinimumBalanceForRentExemption(0n).send(), 890_880n);
  assert.equal(await rpc.getMinimumBalanceForRentExemption(119_160n).send(), 830_244_480n);
}

// -- money

async function theFaucetPaysAndIsConfirmed({ wallet }) {
  const airdrop = kit.airdropFactory({ rpc, rpcSubscriptions });
  const amount = kit.lamports(100n * SOLS);
  await within(airdrop({ commitment, recipientAddress: wallet.address, lamports: amount }), 'the airdrop');
  assert.equal(await balance(wallet.address), amount);
}

async function aTransferIsConfirmedByWebSocket({ wallet, friend }) {
  session.transfer = await settle(payment(SOLS));
  assert.equal(await balance(friend.address), SOLS);
  assert.equal(await balance(wallet.address), 99n * SOLS - BigInt(FEE));
}

async function aTransferIsConfirmedByPolling({ friend }) {
  const signature = await send(await signed(payment(2n * SOLS)));
  const found = await until(() => status(signature), (now) => now !== null, 'a status');
  assert.deepEqual([found.err, found.confirmationStatus], [null, 'finalized']);
  assert.equal(await balance(friend.address), 3n * SOLS);
}

async function aSignatureIsWatched() {
  const transaction = await signed(payment(1n));
  const signature = kit.getSignatureFromTransaction(transaction);
  const request = rpcSubscriptions.signatureNotifications(signature, { commitment });
  const { value } = await told(request, () => send(transaction));
  assert.deepEqual(value, { err: null });
}

async function feesAreTold() {
  const compiled = kit.compileTransactionMessage(await message(payment(SOLS)));
  const bytes = kit.getCompiledTransactionMessageEncoder().encode(compiled);
  assert.equal((await rpc.getFeeForMessage(kit.getBase64Decoder().decode(bytes)).send()).value, BigInt(FEE));
  assert.ok(Array.isArray(await rpc.getRecentPrioritizationFees().send()));
}

// -- what was

async function aTransactionIsShown({ friend }) {
  const shown = await rpc.getTransaction(session.transfer, { maxSupportedTransactionVersion: 0 }).send();
  assert.deepEqual([shown.meta.err, shown.meta.fee, shown.version], [null, BigInt(FEE), 0]);
  const place = shown.transaction.message.accountKeys.indexOf(friend.address);
  assert.equal(shown.meta.postBalances[place] - shown.meta.preBalances[place], SOLS);
  const options = { encoding: 'base64', maxSupportedTransactionVersion: 0 };
  const raw = await rpc.getTransaction(session.transfer, options).send();
  const decoded = kit.getTransactionDecoder().decode(kit.getBase64Encoder().encode(raw.transaction[0]));
  assert.equal(kit.getSignatureFromTransaction(decoded), session.transfer);
}

async function signaturesAreListed({ friend }) {
  const listed = (await rpc.getSignaturesForAddress(friend.address).send()).map((each) => each.signature);
  assert.equal(listed.length, 3);
  assert.equal(listed[2], session.transfer);
  const options = { before: listed[0], until: listed[2] };
  const between = await rpc.getSignaturesForAddress(friend.address, options).send();
  assert.deepEqual(between.map((each) => each.signature), [listed[1]]);
}

async function blocksAreShown() {
  const options = { maxSupportedTransactionVersion: 0 };
  const { slot, blockTime } = await rpc.getTransaction(session.transfer, options).send();
  const block = await rpc.getBlock(slot, options).send();
  assert.ok(block.transactions.some((each) => each.transaction.signatures[0] === session.transfer));
  assert.equal(block.blockTime, blockTime);
  assert.deepEqual(await rpc.getBlocks(slot, slot).send(), [slot]);
  const asking = rpc.getBlock(slot + 1_000_000n, options).send();
  await refusal(asking, kit.SOLANA_ERROR__JSON_RPC__SERVER_ERROR_BLOCK_NOT_AVAILABLE);
}

// -- accounts

async function accountsAreRead({ friend }) {
  for (const encoding of ['base64', 'base64+zstd', 'jsonParsed']) {
    const { value } = await rpc.getAccountInfo(friend.address, { commitment, encoding }).send();
    assert.deepEqual([value.lamports, value.owner, value.space], [3n * SOLS + 1n, SYSTEM_PROGRAM_ADDRESS, 0n]);
  }
  const unknown = (await kit.generateKeyPairSigner()).address;
  const { value } = await rpc.getMultipleAccounts([friend.address, unknown], { encoding: 'base64' }).send();
  assert.equal(value[0].lamports, 3n * SOLS + 1n);
  assert.equal(value[1], null);
  assert.equal((await kit.fetchEncodedAccount(rpc, unknown)).exists, false);
}

// -- simulation and failure

async function aSimulationChangesNothing({ friend }) {
  const wire = kit.getBase64EncodedWireTransaction(await signed(payment(3n * SOLS)));
  const options = { encoding: 'base64', sigVerify: true, innerInstructions: true, commitment };
  const { value } = await rpc.simulateTransaction(wire, options).send();
  assert.equal(value.err, null);
  assert.ok(value.unitsConsumed > 0n);
  assert.equal(value.logs.length, 2);
  assert.equal(await balance(friend.address), 3n * SOLS + 1n);
}

async function aSimulationShowsAccounts({ friend }) {
  const wire = kit.getBase64EncodedWireTransaction(await signed(payment(3n * SOLS)));
  const accounts = { encoding: 'base64', addresses: [friend.address] };
  const options = { encoding: 'base64', replaceRecentBlockhash: true, accounts };
  const { value } = await rpc.simulateTransaction(wire, options).send();
  assert.equal(value.accounts[0].lamports, 6n * SOLS + 1n);
  assert.ok(value.replacementBlockhash.lastValidBlockHeight > 0n);
}

async function resourcesAreEstimated() {
  const estimate = kit.estimateResourceLimitsFactory({ rpc });
  const { computeUnitLimit } = await estimate(await message(payment(3n * SOLS)));
  assert.ok(computeUnitLimit > 0 && computeUnitLimit < 10_000);
}

async function preflightRefusesAFailure({ wallet }) {
  const before = await balance(wallet.address);
  const unsent = await message(payment(TOO_MUCH));
  const transaction = await kit.signTransactionMessageWithSigners(unsent);
  const code = kit.SOLANA_ERROR__JSON_RPC__SERVER_ERROR_SEND_TRANSACTION_PREFLIGHT_FAILURE;
  const error = await refusal(sendAndConfirm(transaction, { commitment }), code);
  assert.match(error.context.logs.join('\n'), /insufficient lamports/);
  assert.ok(isSystemError(error.cause, unsent, SYSTEM_ERROR__RESULT_WITH_NEGATIVE_LAMPORTS));
  assert.equal(await balance(wallet.address), before);
}

async function withoutPreflightAFailureCostsItsFee({ wallet }) {
  const before = await balance(wallet.address);
  const transaction = await signed(payment(TOO_MUCH + 1n));
  const sending = sendAndConfirm(transaction, { commitment, skipPreflight: true });
  const error = await refusal(sending, kit.SOLANA_ERROR__INSTRUCTION_ERROR__CUSTOM);
  assert.deepEqual([error.context.index, error.context.code], [0, 1]);
  assert.equal(await balance(wallet.address), before - BigInt(FEE));
  const found = await status(kit.getSignatureFromTransaction(transaction));
  assert.deepEqual(found.err, { InstructionError: [0n, { Custom: 1n }] });
}

async function aWrongSignatureIsRefused() {
  const raw = kit.getTransactionEncoder().encode(await signed(payment(SOLS)));
  const broken = Uint8Array.from(raw);
  broken[1] ^= 1;
  const sending = rpc.sendTransaction(kit.getBase64Decoder().decode(broken), { encoding: 'base64' }).send();
  const code = kit.SOLANA_ERROR__JSON_RPC__SERVER_ERROR_TRANSACTION_SIGNATURE_VERIFICATION_FAILURE;
  await refusal(sending, code);
}

async function aSecondSendingIsRefused({ friend }) {
  const transaction = await signed(payment(SOLS - 1n));
  const signature = await send(transaction);
  const code = kit.SOLANA_ERROR__JSON_RPC__SERVER_ERROR_SEND_TRANSACTION_PREFLIGHT_FAILURE;
  const error = await refusal(send(transaction), code);
  assert.ok(kit.isSolanaError(error.cause, kit.SOLANA_ERROR__TRANSACTION_ERROR__ALREADY_PROCESSED));
  assert.equal(await send(transaction, { skipPreflight: true }), signature);
  assert.equal(await balance(friend.address), 4n * SOLS);
}

async function malformedParametersAreRefused() {
  const asking = rpc.getBalance('not an address').send();
  await refusal(asking, kit.SOLANA_ERROR__JSON_RPC__INVALID_PARAMS);
}

// -- subscriptions

// Each landing is confirmed. Otherwise, the next step would be notified of it, too.

async function anAccountIsWatched({ friend }) {
  const request = rpcSubscriptions.accountNotifications(friend.address, { commitment, encoding: 'base64' });
  const { context, value } = await told(request, () => settle(payment(2n * SOLS + 1n)));
  assert.equal(value.lamports, 6n * SOLS + 1n);
  assert.ok(context.slot > 0n);
}

async function logsAreWatched({ friend }) {
  let signature;
  const request = rpcSubscriptions.logsNotifications({ mentions: [friend.address] }, { commitment });
  const { value } = await told(request, async () => {
    const memo = getAddMemoInstruction({ memo: 'hello' }, { programAddress: LEGACY_MEMO_PROGRAM_ADDRESS_V3 });
    signature = await settle(payment(2n), memo);
    session.memo = signature;
  });
  assert.deepEqual([value.signature, value.err], [signature, null]);
  assert.match(value.logs.join('\n'), /Memo \(len 5\): "hello"/);
}

async function slotsAndRootsAreTold() {
  const slot = await told(rpcSubscriptions.slotNotifications(), nothing);
  assert.equal(slot.parent, slot.slot - 1n);
  assert.ok((await told(rpcSubscriptions.rootNotifications(), nothing)) >= slot.root);
}

async function memosAreListed({ wallet }) {
  const listed = await rpc.getSignaturesForAddress(wallet.address, { limit: 10 }).send();
  assert.equal(listed.filter((each) => each.memo === '[5] hello').length, 1);
}

// -- tokens

async function aMintIsCreated({ wallet }) {
  const mint = await kit.generateKeyPairSigner();
  const space = BigInt(getMintSize());
  const lamports = await rpc.getMinimumBalanceForRentExemption(space).send();
  await settle(
    getCreateAccountInstruction({
      payer: wallet,
      newAccount: mint,
      lamports,
      space,
      programAddress: TOKEN_PROGRAM_ADDRESS,
    }),
    getInitializeMint2Instruction({ mint: mint.address, decimals: 6, mintAuthority: wallet.address }),
  );
  session.mint = mint.address;
  const { data } = await fetchMint(rpc, session.mint);
  assert.deepEqual([data.supply, data.decimals, data.isInitialized], [0n, 6, true]);
}

/** The associated token account of an owner, and the instruction that creates it. */
async function holding(owner) {
  const { wallet, mint } = session;
  const [ata] = await findAssociatedTokenPda({ owner, mint, tokenProgram: TOKEN_PROGRAM_ADDRESS });
  return { ata, create: getCreateAssociatedTokenIdempotentInstruction({ payer: wallet, ata, owner, mint }) };
}

async function tokensAreMinted({ wallet, mint }) {
  const { ata, create } = await holding(wallet.address);
  await settle(create, getMintToInstruction({ mint, token: ata, mintAuthority: wallet, amount: 5_000_000n }));
  assert.equal((await fetchToken(rpc, ata)).data.amount, 5_000_000n);
  const { value } = await rpc.getTokenSupply(mint).send();
  assert.deepEqual([value.amount, value.decimals, value.uiAmountString], ['5000000', 6, '5']);
  session.own = ata;
}

function tokenPayment(amount) {
  const { own, his, mint, wallet } = session;
  return getTransferCheckedInstruction({
    source: own,
    mint,
    destination: his,
    authority: wallet,
    amount,
    decimals: 6,
  });
}

async function tokensAreTransferredAndWatched({ friend }) {
  const { ata, create } = await holding(friend.address);
  session.his = ata;
  await settle(create);
  const filters = [{ dataSize: 165n }, { memcmp: { offset: 32n, bytes: friend.address, encoding: 'base58' } }];
  const request = rpcSubscriptions.programNotifications(TOKEN_PROGRAM_ADDRESS, {
    commitment,
    encoding: 'jsonParsed',
    filters,
  });
  const { value } = await told(request, async () => send(await signed(tokenPayment(1_500_000n))));
  assert.equal(value.pubkey, ata);
  assert.equal(value.account.data.parsed.info.tokenAmount.uiAmountString, '1.5');
  assert.equal((await rpc.getTokenAccountBalance(ata).send()).value.amount, '1500000');
}

async function tokenAccountsAreFound({ friend, mint }) {
  const byMint = await rpc.getTokenAccountsByOwner(friend.address, { mint }, { encoding: 'jsonParsed' }).send();
  assert.equal(byMint.value[0].account.data.parsed.info.mint, mint);
  const found = await rpc
    .getProgramAccounts(TOKEN_PROGRAM_ADDRESS, {
      encoding: 'base64',
      dataSlice: { offset: 64, length: 8 },
      filters: [{ memcmp: { offset: 0n, bytes: mint, encoding: 'base58' } }],
    })
    .send();
  assert.deepEqual(found.map((each) => each.pubkey).sort(), [session.own, session.his].sort());
  const largest = await rpc.getTokenLargestAccounts(mint).send();
  assert.deepEqual(largest.value.map((each) => each.amount), ['3500000', '1500000']);
}

async function aTokenTransferShowsBalances() {
  const signature = await settle(tokenPayment(500_000n));
  session.tokenTransfer = signature;
  const { meta } = await rpc.getTransaction(signature, { maxSupportedTransactionVersion: 0 }).send();
  const amounts = (balances) => balances.map((each) => each.uiTokenAmount.amount).sort();
  assert.deepEqual(amounts(meta.preTokenBalances), ['1500000', '3500000']);
  assert.deepEqual(amounts(meta.postTokenBalances), ['2000000', '3000000']);
}

async function tokensAreBurntAndAnAccountIsClosed({ friend, mint, his }) {
  const before = await balance(friend.address);
  await settle(
    getBurnInstruction({ account: his, mint, authority: friend, amount: 2_000_000n }),
    getCloseAccountInstruction({ account: his, destination: friend.address, owner: friend }),
  );
  assert.equal(await balance(friend.address), before + 2_039_280n);
  assert.equal((await fetchMaybeToken(rpc, his)).exists, false);
}

// -- instructions in plain words

async function instructionsOf(signature) {
  const options = { encoding: 'jsonParsed', maxSupportedTransactionVersion: 0 };
  return (await rpc.getTransaction(signature, options).send()).transaction.message.instructions;
}

async function instructionsOfKnownProgramsAreParsed({ wallet, mint, own, his }) {
  const [payment, memo] = await instructionsOf(session.memo);
  assert.deepEqual([payment.program, payment.parsed.type], ['system', 'transfer']);
  assert.deepEqual([memo.program, memo.parsed], ['spl-memo', 'hello']);
  const [transfer] = await instructionsOf(session.tokenTransfer);
  assert.equal(transfer.program, 'spl-token');
  assert.equal(transfer.parsed.type, 'transferChecked');
  const { tokenAmount, ...accounts } = transfer.parsed.info;
  assert.deepEqual(accounts, { source: own, mint, destination: his, authority: wallet.address });
  assert.deepEqual([tokenAmount.amount, tokenAmount.uiAmountString], ['500000', '0.5']);
}

// -- look-up tables

async function aLookUpTableIsCreated({ wallet, friend }) {
  const recentSlot = (await rpc.getSlot({ commitment: 'finalized' }).send()) - 1n;
  const create = await getCreateLookupTableInstructionAsync({ authority: wallet, payer: wallet, recentSlot });
  const address = create.accounts[0].address;
  const addresses = [(await kit.generateKeyPairSigner()).address, friend.address];
  await settle(create, getExtendLookupTableInstruction({ address, authority: wallet, payer: wallet, addresses }));
  assert.deepEqual((await fetchAddressLookupTable(rpc, address)).data.addresses, addresses);
  session.table = address;
}

async function aTransactionUsesIt({ friend, table }) {
  const slot = await rpc.getSlot().send();
  // A table's addresses are usable from the slot after the one that added them.
  await until(() => rpc.getSlot().send(), (now) => now > slot, 'a slot');
  const before = await balance(friend.address);
  const tables = await kit.fetchAddressesForLookupTables([table], rpc);
  const compressed = kit.compressTransactionMessageUsingAddressLookupTables(
    await message(payment(4n * SOLS)),
    tables,
  );
  const transaction = await kit.signTransactionMessageWithSigners(compressed);
  await within(sendAndConfirm(transaction, { commitment }), 'a confirmation');
  assert.equal(await balance(friend.address), before + 4n * SOLS);
  const signature = kit.getSignatureFromTransaction(transaction);
  const shown = await rpc.getTransaction(signature, { maxSupportedTransactionVersion: 0 }).send();
  assert.deepEqual(shown.meta.loadedAddresses, { writable: [friend.address], readonly: [] });
  const asking = rpc.getTransaction(signature).send();
  await refusal(asking, kit.SOLANA_ERROR__JSON_RPC__SERVER_ERROR_UNSUPPORTED_TRANSACTION_VERSION);
}

// -- durable nonces

async function aNonceAccountIsCreated({ wallet }) {
  const nonce = await kit.generateKeyPairSigner();
  const space = BigInt(getNonceSize());
  const lamports = await rpc.getMinimumBalanceForRentExemption(space).send();
  await settle(
    getCreateAccountInstruction({
      payer: wallet,
      newAccount: nonce,
      lamports,
      space,
      programAddress: SYSTEM_PROGRAM_ADDRESS,
    }),
    getInitializeNonceAccountInstruction({ nonceAccount: nonce.address, nonceAuthority: wallet.address }),
  );
  session.nonce = nonce.address;
  session.durable = await durable(payment(5n * SOLS));
}

/** A signed transaction with the nonce account's present value in the place of a blockhash. */
async function durable(...instructions) {
  const { data } = await fetchNonce(rpc, session.nonce);
  const lifetime = {
    nonce: data.blockhash,
    nonceAccountAddress: session.nonce,
    nonceAuthorityAddress: session.wallet.address,
  };
  const unsigned = kit.pipe(
    kit.createTransactionMessage({ version: 0 }),
    (tx) => kit.setTransactionMessageFeePayerSigner(session.wallet, tx),
    (tx) => kit.setTransactionMessageLifetimeUsingDurableNonce(lifetime, tx),
    (tx) => kit.appendTransactionMessageInstructions(instructions, tx),
  );
  return kit.signTransactionMessageWithSigners(unsigned);
}

// -- expiry

async function aTransactionThatNobodyTakesExpires() {
  // With another fee payer's money at stake the cluster drops it, and the client waits until it cannot land any more.
  const pauper = await kit.generateKeyPairSigner();
  const unsigned = kit.setTransactionMessageFeePayerSigner(pauper, await message(payment(6n * SOLS)));
  const transaction = await kit.signTransactionMessageWithSigners(unsigned);
  const waiting = sendAndConfirm(transaction, { commitment, skipPreflight: true });
  waiting.catch(() => {});
  const signature = kit.getSignatureFromTransaction(transaction);
  assert.equal(await status(signature), null);
  await warpSlots(rpcUrl, 152);
  await refusal(within(waiting, 'expiry'), kit.SOLANA_ERROR__BLOCK_HEIGHT_EXCEEDED);
}

async function anExpiredBlockhashIsRefused({ friend }) {
  const before = await balance(friend.address);
  const stale = await signed(payment(7n * SOLS));
  await warpSlots(rpcUrl, 151);
  const code = kit.SOLANA_ERROR__JSON_RPC__SERVER_ERROR_SEND_TRANSACTION_PREFLIGHT_FAILURE;
  const error = await refusal(send(stale), code);
  assert.ok(kit.isSolanaError(error.cause, kit.SOLANA_ERROR__TRANSACTION_ERROR__BLOCKHASH_NOT_FOUND));
  const { value } = await rpc.isBlockhashValid(stale.lifetimeConstraint.blockhash).send();
  assert.equal(value, false);
  assert.equal(await balance(friend.address), before);
}

async function aDurableTransactionOutlivesBlockhashes({ friend }) {
  const before = await balance(friend.address);
  await within(sendAndConfirmDurable(session.durable, { commitment }), 'a confirmation');
  assert.equal(await balance(friend.address), before + 5n * SOLS);
  const { data } = await fetchNonce(rpc, session.nonce);
  assert.notEqual(data.blockhash, session.durable.lifetimeConstraint.nonce);
}

async function aUsedNonceInvalidatesWhatWaitsForIt() {
  const [used, late] = [await durable(payment(3n)), await durable(payment(4n))];
  await within(sendAndConfirmDurable(used, { commitment }), 'a confirmation');
  const sending = sendAndConfirmDurable(late, { commitment, skipPreflight: true });
  await refusal(within(sending, 'a refusal'), kit.SOLANA_ERROR__INVALID_NONCE);
}

await run(
  [
    theClusterIsHealthy,
    slotsAndHeightsGrow,
    epochsSupplyAndRentAreTold,
    theFaucetPaysAndIsConfirmed,
    aTransferIsConfirmedByWebSocket,
    aTransferIsConfirmedByPolling,
    aSignatureIsWatched,
    feesAreTold,
    aTransactionIsShown,
    signaturesAreListed,
    blocksAreShown,
    accountsAreRead,
    aSimulationChangesNothing,
    aSimulationShowsAccounts,
    resourcesAreEstimated,
    preflightRefusesAFailure,
    withoutPreflightAFailureCostsItsFee,
    aWrongSignatureIsRefused,
    aSecondSendingIsRefused,
    malformedParametersAreRefused,
    anAccountIsWatched,
    logsAreWatched,
    slotsAndRootsAreTold,
    memosAreListed,
    aMintIsCreated,
    tokensAreMinted,
    tokensAreTransferredAndWatched,
    tokenAccountsAreFound,
    aTokenTransferShowsBalances,
    tokensAreBurntAndAnAccountIsClosed,
    instructionsOfKnownProgramsAreParsed,
    aLookUpTableIsCreated,
    aTransactionUsesIt,
    aNonceAccountIsCreated,
    aTransactionThatNobodyTakesExpires,
    anExpiredBlockhashIsRefused,
    aDurableTransactionOutlivesBlockhashes,
    aUsedNonceInvalidatesWhatWaitsForIt,
  ],
  session,
);
