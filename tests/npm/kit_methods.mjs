// Every method of kit's RPC and RPC subscriptions API against `psyche-cli localnet`. Kit checks no response, so that what
// is asserted here is the shape: the names of the fields, and the types that kit declares for them.
import assert from 'node:assert/strict';
import { TOKEN_PROGRAM_ADDRESS, findAssociatedTokenPda } from '@solana-program/token';
import {
  getApproveInstruction,
  getCreateAssociatedTokenIdempotentInstruction,
  getInitializeMint2Instruction,
  getMintSize,
  getMintToInstruction,
} from '@solana-program/token';
import { getCreateAccountInstruction, getTransferSolInstruction } from '@solana-program/system';
import * as kit from '@solana/kit';
import { SOL, endpoints, run, within } from './session.mjs';

const { rpcUrl, wsUrl } = endpoints();
const commitment = 'confirmed';
const rpc = kit.createSolanaRpc(rpcUrl);
const rpcSubscriptions = kit.createSolanaRpcSubscriptions_UNSTABLE(wsUrl);
const sendAndConfirm = kit.sendAndConfirmTransactionFactory({ rpc, rpcSubscriptions });
const session = { wallet: await kit.generateKeyPairSigner(), friend: await kit.generateKeyPairSigner() };
const FAR = 10n ** 12n;
const VERSIONED = { maxSupportedTransactionVersion: 0 };

/** A value's type as it is written in a shape. */
function typeOf(value) {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value;
}

/** Compare a value with a shape: types as text ('bigint|null'), [shape of all items], or an object of exact fields. */
function fits(value, shape, place = 'value') {
  if (typeof shape === 'string') {
    assert.ok(shape.split('|').includes(typeOf(value)), `${place} is ${typeOf(value)}, not ${shape}`);
  } else if (Array.isArray(shape)) {
    assert.equal(typeOf(value), 'array', place);
    value.forEach((item, index) => fits(item, shape[0], `${place}[${index}]`));
  } else {
    assert.equal(typeOf(value), 'object', place);
    assert.deepEqual(Object.keys(value).sort(), Object.keys(shape).sort(), place);
    for (const [name, inner] of Object.entries(shape)) fits(value[name], inner, `${place}.${name}`);
  }
}

const CONTEXT = { apiVersion: 'string', slot: 'bigint' };
const TOKEN_AMOUNT = { amount: 'string', decimals: 'number', uiAmount: 'number|null', uiAmountString: 'string' };
const ACCOUNT = { data: 'array', executable: 'boolean', lamports: 'bigint', owner: 'string', rentEpoch: 'bigint', space: 'bigint' };

function withContext(response, shape) {
  fits(response, { context: CONTEXT, value: shape });
  return response.value;
}

async function refused(request, code) {
  const error = await request.send().then(
    () => assert.fail('was not refused'),
    (reason) => reason,
  );
  assert.ok(kit.isSolanaError(error, code), `${error?.context?.__code}: ${error}`);
}

async function send(instructions) {
  const { value: latest } = await rpc.getLatestBlockhash({ commitment }).send();
  const message = kit.pipe(
    kit.createTransactionMessage({ version: 0 }),
    (tx) => kit.setTransactionMessageFeePayerSigner(session.wallet, tx),
    (tx) => kit.setTransactionMessageLifetimeUsingBlockhash(latest, tx),
    (tx) => kit.appendTransactionMessageInstructions(instructions, tx),
  );
  const transaction = await kit.signTransactionMessageWithSigners(message);
  await within(sendAndConfirm(transaction, { commitment }), 'a confirmation');
  return { transaction, signature: kit.getSignatureFromTransaction(transaction) };
}

function payment(amount) {
  return getTransferSolInstruction({ source: session.wallet, destination: session.friend.address, amount });
}

async function told(request, action = async () => {}) {
  const abort = new AbortController();
  const notifications = await within(request.subscribe({ abortSignal: abort.signal }), 'a subscription');
  const first = within(notifications[Symbol.asyncIterator]().next(), 'a notification');
  await action();
  const { value } = await first;
  abort.abort();
  return value;
}

/** Ask for a transaction that has landed, so that later subscriptions do not begin with it. */
const learnOf = (signature) => rpc.getSignatureStatuses([signature]).send();

async function moneyAndTokensAreMade({ wallet, friend }) {
  const airdrop = kit.airdropFactory({ rpc, rpcSubscriptions });
  const lamports = kit.lamports(100n * BigInt(SOL));
  session.airdrop = await within(airdrop({ commitment, recipientAddress: wallet.address, lamports }), 'the airdrop');
  const sent = await send([payment(BigInt(SOL))]);
  Object.assign(session, { sent: sent.signature, wire: kit.getBase64EncodedWireTransaction(sent.transaction) });
  session.messageBytes = kit.getBase64Decoder().decode(sent.transaction.messageBytes);
  session.slot = (await rpc.getTransaction(session.sent, { ...VERSIONED, encoding: 'json' }).send()).slot;
  const mint = await kit.generateKeyPairSigner();
  const [own] = await findAssociatedTokenPda({
    owner: wallet.address,
    mint: mint.address,
    tokenProgram: TOKEN_PROGRAM_ADDRESS,
  });
  const space = BigInt(getMintSize());
  const rent = await rpc.getMinimumBalanceForRentExemption(space).send();
  const programAddress = TOKEN_PROGRAM_ADDRESS;
  await send([
    getCreateAccountInstruction({ payer: wallet, newAccount: mint, lamports: rent, space, programAddress }),
    getInitializeMint2Instruction({ mint: mint.address, decimals: 6, mintAuthority: wallet.address }),
    getCreateAssociatedTokenIdempotentInstruction({ payer: wallet, ata: own, owner: wallet.address, mint: mint.address }),
    getMintToInstruction({ mint: mint.address, token: own, mintAuthority: wallet, amount: 5_000_000n }),
    getApproveInstruction({ source: own, delegate: friend.address, owner: wallet, amount: 1_000n }),
  ]);
  Object.assign(session, { mint: mint.address, own });
}

// -- the cluster

async function theNodeDescribesItself() {
  assert.equal(await rpc.getHealth().send(), 'ok');
  const { identity } = await rpc.getIdentity().send();
  assert.equal(await rpc.getSlotLeader().send(), identity);
  const slot = await rpc.getSlot().send();
  assert.deepEqual(await rpc.getSlotLeaders(slot, 3).send(), [identity, identity, identity]);
  const [node] = await rpc.getClusterNodes().send();
  assert.equal(node.pubkey, identity);
  fits(node.featureSet, 'number');
  fits(await rpc.getVersion().send(), { 'feature-set': 'number', 'solana-core': 'string' });
  fits(await rpc.getGenesisHash().send(), 'string');
  const schedule = await rpc.getLeaderSchedule().send();
  assert.deepEqual(Object.keys(schedule), [identity]);
  assert.equal(schedule[identity].length, Number((await rpc.getEpochInfo().send()).slotsInEpoch));
  assert.equal(await rpc.getLeaderSchedule(FAR).send(), null);
}

async function slotsAndEpochsAreNumbers() {
  fits(await rpc.getEpochInfo().send(), {
    absoluteSlot: 'bigint',
    blockHeight: 'bigint',
    epoch: 'bigint',
    slotIndex: 'bigint',
    slotsInEpoch: 'bigint',
    transactionCount: 'bigint',
  });
  fits(await rpc.getEpochSchedule().send(), {
    firstNormalEpoch: 'bigint',
    firstNormalSlot: 'bigint',
    leaderScheduleSlotOffset: 'bigint',
    slotsPerEpoch: 'bigint',
    warmup: 'boolean',
  });
  for (const method of [
    'getBlockHeight',
    'getFirstAvailableBlock',
    'getMaxRetransmitSlot',
    'getMaxShredInsertSlot',
    'getSlot',
    'getTransactionCount',
    'minimumLedgerSlot',
  ]) {
    fits(await rpc[method]().send(), 'bigint', method);
  }
  const early = kit.SOLANA_ERROR__JSON_RPC__SERVER_ERROR_MIN_CONTEXT_SLOT_NOT_REACHED;
  for (const method of ['getBlockHeight', 'getEpochInfo', 'getSlot', 'getSlotLeader', 'getTransactionCount']) {
    await refused(rpc[method]({ minContextSlot: FAR }), early);
  }
  await refused(rpc.getHighestSnapshotSlot(), kit.SOLANA_ERROR__JSON_RPC__SERVER_ERROR_NO_SNAPSHOT);
}

async function blockProductionAndCommitmentAreReported({ slot }) {
  const { identity } = await rpc.getIdentity().send();
  const range = { firstSlot: 'bigint', lastSlot: 'bigint' };
  const produced = await rpc.getBlockProduction().send();
  withContext(produced, { byIdentity: { [identity]: ['bigint'] }, range });
  const commitmentOf = await rpc.getBlockCommitment(slot).send();
  fits(commitmentOf, { commitment: 'array|null', totalStake: 'bigint' });
}

async function inflationAndSamplesAreReported({ wallet }) {
  fits(await rpc.getInflationGovernor().send(), {
    foundation: 'number',
    foundationTerm: 'number',
    initial: 'number',
    taper: 'number',
    terminal: 'number',
  });
  const rate = await rpc.getInflationRate().send();
  fits(rate, { epoch: 'bigint', foundation: 'number', total: 'number', validator: 'number' });
  const far = rpc.getInflationReward([wallet.address], { epoch: 99n });
  await refused(far, kit.SOLANA_ERROR__JSON_RPC__SERVER_ERROR_BLOCK_NOT_AVAILABLE);
  fits(await rpc.getRecentPerformanceSamples(2).send(), [
    {
      numNonVoteTransactions: 'bigint',
      numSlots: 'bigint',
      numTransactions: 'bigint',
      samplePeriodSecs: 'number',
      slot: 'bigint',
    },
  ]);
  withContext(await rpc.getStakeMinimumDelegation().send(), 'bigint');
}

async function oneVoteAccountHasAllStake() {
  const { current, delinquent } = await rpc.getVoteAccounts().send();
  assert.deepEqual([current.length, delinquent.length], [1, 0]);
  fits(current[0].activatedStake, 'bigint');
  const only = await rpc.getVoteAccounts({ votePubkey: current[0].votePubkey }).send();
  assert.equal(only.current[0].nodePubkey, current[0].nodePubkey);
}

async function supplyIsReported() {
  const supply = await rpc.getSupply({ excludeNonCirculatingAccountsList: true }).send();
  const lamports = { circulating: 'bigint', nonCirculating: 'bigint', total: 'bigint' };
  withContext(supply, { ...lamports, nonCirculatingAccounts: ['string'] });
  withContext(await rpc.getLargestAccounts().send(), [{ address: 'string', lamports: 'bigint' }]);
  fits(await rpc.getMinimumBalanceForRentExemption(0n).send(), 'bigint');
}

// -- accounts and tokens

async function accountsAreReadInEveryEncoding({ mint, own, wallet }) {
  for (const encoding of ['base64', 'base64+zstd']) {
    const response = await rpc.getAccountInfo(mint, { commitment, encoding }).send();
    const { data } = withContext(response, ACCOUNT);
    assert.equal(data[1], encoding);
  }
  const parsed = withContext(await rpc.getAccountInfo(own, { encoding: 'jsonParsed' }).send(), {
    ...ACCOUNT,
    data: { parsed: 'object', program: 'string', space: 'bigint' },
  });
  assert.equal(parsed.data.parsed.info.delegatedAmount.amount, '1000');
  const short = { encoding: 'base58', dataSlice: { offset: 0, length: 4 } };
  assert.equal((await rpc.getAccountInfo(mint, short).send()).value.data[1], 'base58');
  const both = await rpc.getMultipleAccounts([mint, own], { encoding: 'base64' }).send();
  withContext(both, [ACCOUNT]);
  withContext(await rpc.getBalance(wallet.address, { commitment }).send(), 'bigint');
}

async function programsAccountsAreFound({ mint, own }) {
  const filters = [{ dataSize: 165n }, { memcmp: { bytes: mint, encoding: 'base58', offset: 0n } }];
  const found = await rpc.getProgramAccounts(TOKEN_PROGRAM_ADDRESS, { encoding: 'base64', filters }).send();
  fits(found, [{ account: ACCOUNT, pubkey: 'string' }]);
  assert.deepEqual(found.map((each) => each.pubkey), [own]);
  const request = rpc.getProgramAccounts(TOKEN_PROGRAM_ADDRESS, { encoding: 'base64', filters, withContext: true });
  withContext(await request.send(), [{ account: ACCOUNT, pubkey: 'string' }]);
}

async function tokensAreCounted({ mint, own, wallet, friend }) {
  withContext(await rpc.getTokenAccountBalance(own).send(), TOKEN_AMOUNT);
  withContext(await rpc.getTokenSupply(mint).send(), TOKEN_AMOUNT);
  withContext(await rpc.getTokenLargestAccounts(mint).send(), [{ ...TOKEN_AMOUNT, address: 'string' }]);
  const listed = [{ account: ACCOUNT, pubkey: 'string' }];
  const base64 = { encoding: 'base64' };
  withContext(await rpc.getTokenAccountsByOwner(wallet.address, { mint }, base64).send(), listed);
  const programId = TOKEN_PROGRAM_ADDRESS;
  const delegated = await rpc.getTokenAccountsByDelegate(friend.address, { programId }, base64).send();
  assert.deepEqual(withContext(delegated, listed).map((each) => each.pubkey), [own]);
}

// -- history

async function transactionsAreReadInEveryEncoding({ sent, slot }) {
  const fields = { blockTime: 'bigint', meta: 'object', slot: 'bigint', transactionIndex: 'number', version: 'number' };
  for (const [encoding, transaction] of [
    ['json', 'object'],
    ['jsonParsed', 'object'],
    ['base64', ['string']],
    ['base58', ['string']],
  ]) {
    const shown = await rpc.getTransaction(sent, { ...VERSIONED, commitment, encoding }).send();
    const { transactionIndex: _, ...rest } = { transactionIndex: 0, ...shown };
    const { transactionIndex: __, ...wanted } = fields;
    fits(rest, { ...wanted, transaction });
    assert.equal(shown.slot, slot);
    fits(shown.meta.computeUnitsConsumed, 'bigint');
    assert.deepEqual([shown.meta.err, shown.meta.status], [null, { Ok: null }]);
  }
  const statuses = await rpc.getSignatureStatuses([sent], { searchTransactionHistory: true }).send();
  const status = { confirmationStatus: 'string', confirmations: 'bigint|null', err: 'null', slot: 'bigint', status: 'object' };
  withContext(statuses, [status]);
  fits(await rpc.getSignaturesForAddress(session.friend.address, { limit: 5 }).send().then(withoutIndex), [
    { blockTime: 'bigint', confirmationStatus: 'string', err: 'null', memo: 'null', signature: 'string', slot: 'bigint' },
  ]);
}

function withoutIndex(listed) {
  return listed.map(({ transactionIndex: _, ...rest }) => rest);
}

async function blocksAreReadInEveryDetail({ slot, sent }) {
  const block = { blockHeight: 'bigint', blockTime: 'bigint', blockhash: 'string', parentSlot: 'bigint', previousBlockhash: 'string' };
  const base = { ...VERSIONED, commitment, rewards: false };
  fits(await rpc.getBlock(slot, { ...base, transactionDetails: 'none' }).send(), block);
  const signatures = await rpc.getBlock(slot, { ...base, transactionDetails: 'signatures' }).send();
  fits(signatures, { ...block, signatures: ['string'] });
  assert.ok(signatures.signatures.includes(sent));
  const accounts = await rpc.getBlock(slot, { ...base, transactionDetails: 'accounts' }).send();
  fits(accounts, { ...block, transactions: [{ meta: 'object', transaction: 'object', version: 'number|string' }] });
  for (const encoding of ['json', 'jsonParsed', 'base64', 'base58']) {
    const full = await rpc.getBlock(slot, { ...base, rewards: true, encoding, transactionDetails: 'full' }).send();
    const transaction = encoding.startsWith('json') ? 'object' : ['string'];
    const transactions = [{ meta: 'object', transaction, version: 'number|string' }];
    fits(full, { ...block, rewards: 'array', transactions });
  }
  assert.deepEqual(await rpc.getBlocks(slot - 1n, slot).send(), [slot - 1n, slot]);
  assert.deepEqual(await rpc.getBlocksWithLimit(slot - 1n, 2).send(), [slot - 1n, slot]);
  fits(await rpc.getBlockTime(slot).send(), 'bigint');
  await refused(rpc.getBlock(FAR, base), kit.SOLANA_ERROR__JSON_RPC__SERVER_ERROR_BLOCK_NOT_AVAILABLE);
}

// -- fees, blockhashes and sending

async function feesAndBlockhashesAreReported({ messageBytes, wallet }) {
  const latest = await rpc.getLatestBlockhash({ commitment }).send();
  const { blockhash } = withContext(latest, { blockhash: 'string', lastValidBlockHeight: 'bigint' });
  assert.equal(withContext(await rpc.isBlockhashValid(blockhash, { commitment }).send(), 'boolean'), true);
  assert.equal(withContext(await rpc.getFeeForMessage(messageBytes, { commitment }).send(), 'bigint|null'), 5_000n);
  const fees = await rpc.getRecentPrioritizationFees([wallet.address]).send();
  fits(fees, [{ prioritizationFee: 'bigint', slot: 'bigint' }]);
  await refused(
    rpc.getLatestBlockhash({ minContextSlot: FAR }),
    kit.SOLANA_ERROR__JSON_RPC__SERVER_ERROR_MIN_CONTEXT_SLOT_NOT_REACHED,
  );
}

async function transactionsAreSimulatedAndSent({ wire, friend, sent }) {
  const options = { encoding: 'base64', replaceRecentBlockhash: true, innerInstructions: true };
  const accounts = { addresses: [friend.address], encoding: 'base64' };
  const { value } = await rpc.simulateTransaction(wire, { ...options, accounts }).send();
  assert.equal(value.err, null);
  fits(value.accounts, [ACCOUNT]);
  fits(value.replacementBlockhash, { blockhash: 'string', lastValidBlockHeight: 'bigint' });
  fits(value.unitsConsumed, 'bigint');
  fits(value.loadedAccountsDataSize, 'number');
  assert.equal(await rpc.sendTransaction(wire, { encoding: 'base64', skipPreflight: true }).send(), sent);
  const request = rpc.requestAirdrop(friend.address, kit.lamports(1_000_000n), { commitment });
  const airdrop = await request.send();
  fits(airdrop, 'string');
  await learnOf(airdrop);
}

async function methodsThatNodesLackAreUnknown({ wallet }) {
  const unknown = kit.SOLANA_ERROR__JSON_RPC__METHOD_NOT_FOUND;
  await refused(rpc.getAgGenesisCert(), unknown);
  await refused(rpc.getTransactionsForAddress(wallet.address), unknown);
}

// -- subscriptions

async function accountsAndLogsAreWatched({ wallet, friend, mint, own }) {
  const toldOf = async (request, instruction) => {
    const notification = await told(request, async () => {
      session.last = (await send([instruction])).signature;
    });
    await learnOf(session.last);
    return notification;
  };
  for (const encoding of ['base64', 'base64+zstd', 'jsonParsed']) {
    const request = rpcSubscriptions.accountNotifications(friend.address, { commitment, encoding });
    fits(await toldOf(request, payment(100n + BigInt(encoding.length))), { context: { slot: 'bigint' }, value: ACCOUNT });
  }
  const filters = [{ dataSize: 165n }];
  const request = rpcSubscriptions.programNotifications(TOKEN_PROGRAM_ADDRESS, { commitment, encoding: 'base64', filters });
  const minted = getMintToInstruction({ mint, token: own, mintAuthority: wallet, amount: 1n });
  const notification = await toldOf(request, minted);
  fits(notification, { context: { slot: 'bigint' }, value: { account: ACCOUNT, pubkey: 'string' } });
  for (const [index, filter] of ['all', 'allWithVotes', { mentions: [friend.address] }].entries()) {
    const logs = rpcSubscriptions.logsNotifications(filter, { commitment });
    const { value } = await toldOf(logs, payment(200n + BigInt(index)));
    fits(value, { err: 'null', logs: ['string'], signature: 'string' });
    assert.equal(value.signature, session.last);
  }
}

async function aLandedSignatureIsReported({ last }) {
  for (const level of ['processed', 'confirmed', 'finalized']) {
    const { value } = await told(rpcSubscriptions.signatureNotifications(last, { commitment: level }));
    assert.deepEqual(value, { err: null });
  }
}

async function slotsAndRootsAreWatched() {
  fits(await told(rpcSubscriptions.slotNotifications()), { parent: 'bigint', root: 'bigint', slot: 'bigint' });
  fits(await told(rpcSubscriptions.rootNotifications()), 'bigint');
  const update = await told(rpcSubscriptions.slotsUpdatesNotifications());
  fits([update.slot, update.timestamp], ['bigint']);
  assert.ok(['createdBank', 'frozen', 'optimisticConfirmation', 'root', 'firstShredReceived', 'completed'].includes(update.type));
}

async function blocksAreWatched() {
  const request = rpcSubscriptions.blockNotifications('all', { ...VERSIONED, commitment, encoding: 'json' });
  const { value } = await told(request);
  fits(value, { block: 'object|null', err: 'null', slot: 'bigint' });
}

async function votesAreWatchedInVain() {
  const abort = new AbortController();
  const request = rpcSubscriptions.voteNotifications();
  const notifications = await within(request.subscribe({ abortSignal: abort.signal }), 'a subscription');
  const next = notifications[Symbol.asyncIterator]().next();
  abort.abort();
  assert.equal((await within(next, 'the end of the subscription')).done, true);
}

await run(
  [
    moneyAndTokensAreMade,
    theNodeDescribesItself,
    slotsAndEpochsAreNumbers,
    blockProductionAndCommitmentAreReported,
    inflationAndSamplesAreReported,
    oneVoteAccountHasAllStake,
    supplyIsReported,
    accountsAreReadInEveryEncoding,
    programsAccountsAreFound,
    tokensAreCounted,
    transactionsAreReadInEveryEncoding,
    blocksAreReadInEveryDetail,
    feesAndBlockhashesAreReported,
    transactionsAreSimulatedAndSent,
    methodsThatNodesLackAreUnknown,
    accountsAndLogsAreWatched,
    aLandedSignatureIsReported,
    slotsAndRootsAreWatched,
    blocksAreWatched,
    votesAreWatchedInVain,
  ],
  session,
  { independent: true },
);
