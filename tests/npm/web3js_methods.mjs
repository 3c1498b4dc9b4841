// Every method of web3.js' Connection against `psyche-cli localnet`. web3.js checks the type of each field of a response,
// and throws for one that it does not expect; what is asserted here is what it does not check.
import assert from 'node:assert/strict';
import {
  Connection,
  Keypair,
  PublicKey,
  SystemProgram,
  Transaction,
  TransactionMessage,
  VersionedTransaction,
  sendAndConfirmTransaction,
} from '@solana/web3.js';
import * as token from '@solana/spl-token';
import { SOL, base58, endpoints, run, within } from './session.mjs';

const { rpcUrl, wsUrl } = endpoints();
const connection = new Connection(rpcUrl, { commitment: 'confirmed', wsEndpoint: wsUrl });
const session = { connection, wallet: Keypair.generate(), friend: Keypair.generate() };
const UNKNOWN_METHOD = /Method not found/;
const TOO_EARLY = /Minimum context slot has not been reached/;
const FAR = 10 ** 12;

function payment(lamports) {
  const [fromPubkey, toPubkey] = [session.wallet.publicKey, session.friend.publicKey];
  return SystemProgram.transfer({ fromPubkey, toPubkey, lamports });
}

/** Resolves to the arguments of the first notification after an action. */
async function told(subscribe, unsubscribe, action = async () => {}) {
  let id;
  const notified = new Promise((resolve) => {
    id = subscribe((...message) => resolve(message));
  });
  await within(
    new Promise((resolve) => {
      connection._onSubscriptionStateChange(id, (state) => state === 'subscribed' && resolve());
    }),
    'a subscription',
  );
  await action();
  const message = await within(notified, 'a notification');
  await unsubscribe(id);
  return message;
}

async function moneyAndTokensAreMade({ wallet, friend }) {
  const signature = await connection.requestAirdrop(wallet.publicKey, 100 * SOL);
  await within(connection.confirmTransaction({ signature, ...(await connection.getLatestBlockhash()) }), 'an airdrop');
  session.airdrop = signature;
  session.sent = await sendAndConfirmTransaction(connection, new Transaction().add(payment(SOL)), [wallet]);
  session.mint = await token.createMint(connection, wallet, wallet.publicKey, null, 6);
  const make = token.createAssociatedTokenAccount;
  session.own = await make(connection, wallet, session.mint, wallet.publicKey);
  await token.mintTo(connection, wallet, session.mint, session.own, wallet, 5_000_000n);
  await token.approve(connection, wallet, session.own, friend.publicKey, wallet, 1_000n);
}

// -- the cluster

async function theNodeDescribesItself() {
  const [node] = await connection.getClusterNodes();
  const version = await connection.getVersion();
  assert.equal(node.version, version['solana-core']);
  assert.equal(node.featureSet, version['feature-set']);
  assert.equal(new PublicKey(await connection.getGenesisHash()).toBytes().length, 32);
  assert.equal(await connection.getSlotLeader(), node.pubkey);
  const leaders = await connection.getSlotLeaders(await connection.getSlot(), 10);
  assert.deepEqual(leaders.map(String), Array(10).fill(node.pubkey));
}

async function theScheduleNamesOneLeader() {
  const leader = await connection.getSlotLeader();
  const schedule = await connection.getLeaderSchedule();
  assert.deepEqual(Object.keys(schedule), [leader]);
  const { slotsInEpoch } = await connection.getEpochInfo();
  assert.equal(schedule[leader].length, slotsInEpoch);
}

async function oneVoteAccountHasAllStake() {
  const { current, delinquent } = await connection.getVoteAccounts();
  assert.deepEqual([current.length, delinquent.length], [1, 0]);
  assert.equal(current[0].nodePubkey, await connection.getSlotLeader());
  assert.ok(current[0].activatedStake > 0);
  assert.ok(await connection.getAccountInfo(new PublicKey(current[0].votePubkey)));
}

async function blocksAreProducedByIt() {
  const leader = await connection.getSlotLeader();
  const { value } = await connection.getBlockProduction();
  assert.deepEqual(Object.keys(value.byIdentity), [leader]);
  const narrow = { identity: leader, range: { firstSlot: 0, lastSlot: 3 } };
  const { range, byIdentity } = (await connection.getBlockProduction(narrow)).value;
  assert.deepEqual([range, byIdentity[leader][0]], [{ firstSlot: 0, lastSlot: 3 }, 4]);
}

async function inflationIsReported({ wallet }) {
  const governor = await connection.getInflationGovernor();
  const rate = await connection.getInflationRate();
  assert.ok(governor.initial >= governor.terminal);
  assert.equal(rate.epoch, (await connection.getEpochInfo()).epoch);
  // There is no reward for an epoch that has not ended.
  const rewards = connection.getInflationReward([wallet.publicKey], 99);
  await assert.rejects(rewards, /Block not available for slot 43200000/);
}

async function supplyAndBalancesAgree({ wallet }) {
  const { value } = await connection.getSupply({ excludeNonCirculatingAccountsList: true });
  assert.equal(value.total, value.circulating + value.nonCirculating);
  assert.deepEqual(value.nonCirculatingAccounts, []);
  assert.equal(await connection.getTotalSupply(), value.total);
  for (const filter of [undefined, 'circulating', 'nonCirculating']) {
    const listed = (await connection.getLargestAccounts({ filter })).value.map((each) => each.lamports);
    assert.deepEqual(listed, [...listed].sort((a, b) => b - a));
    assert.ok(listed.length <= 20);
  }
  const { context, value: balance } = await connection.getBalanceAndContext(wallet.publicKey);
  assert.ok(context.slot > 0);
  assert.equal(balance, await connection.getBalance(wallet.publicKey));
}

async function limitsAreReported() {
  assert.ok((await connection.getStakeMinimumDelegation()).value >= 1);
  assert.equal(await connection.getMinimumBalanceForRentExemption(0), 890_880);
  const first = await connection.getFirstAvailableBlock();
  assert.ok((await connection.getMinimumLedgerSlot()) >= first);
  assert.ok((await connection.getTransactionCount()) > 0);
  const [info, schedule] = [await connection.getEpochInfo(), await connection.getEpochSchedule()];
  assert.equal(schedule.getEpoch(info.absoluteSlot), info.epoch);
  for (const sample of await connection.getRecentPerformanceSamples(3)) assert.ok(sample.samplePeriodSecs > 0);
}

// -- accounts

async function accountsAreReadInEveryWay({ wallet, friend, mint }) {
  const keys = [wallet.publicKey, mint, Keypair.generate().publicKey];
  const { value } = await connection.getMultipleAccountsInfoAndContext(keys);
  assert.deepEqual(value[0], (await connection.getAccountInfoAndContext(wallet.publicKey)).value);
  assert.deepEqual(value.slice(0, 2), [
    await connection.getAccountInfo(keys[0]),
    await connection.getAccountInfo(keys[1]),
  ]);
  assert.equal(value[2], null);
  const parsed = (await connection.getMultipleParsedAccounts([mint, friend.publicKey])).value;
  assert.equal(parsed[0].data.parsed.type, 'mint');
  assert.equal(parsed[1].data.length, 0);
  assert.deepEqual(parsed[0], (await connection.getParsedAccountInfo(mint)).value);
  const cut = await connection.getAccountInfo(mint, { dataSlice: { offset: 36, length: 8 } });
  assert.equal(cut.data.readBigUInt64LE(), 5_000_000n);
  await assert.rejects(connection.getAccountInfo(mint, { minContextSlot: FAR }), TOO_EARLY);
}

async function programsAccountsAreFound({ mint, own }) {
  const filters = [{ memcmp: { offset: 0, bytes: mint.toBase58() } }];
  const [{ pubkey, account }] = await connection.getParsedProgramAccounts(token.TOKEN_PROGRAM_ID, { filters });
  assert.ok(pubkey.equals(own));
  assert.equal(account.data.parsed.info.delegatedAmount.amount, '1000');
  const withContext = { filters, withContext: true };
  const { context, value } = await connection.getProgramAccounts(token.TOKEN_PROGRAM_ID, withContext);
  assert.ok(context.slot > 0);
  assert.ok(value[0].pubkey.equals(own));
}

async function tokensAreCounted({ wallet, mint, own }) {
  assert.equal((await connection.getTokenSupply(mint)).value.uiAmount, 5);
  assert.equal((await connection.getTokenAccountBalance(own)).value.amount, '5000000');
  assert.ok((await connection.getTokenLargestAccounts(mint)).value[0].address.equals(own));
  const owned = await connection.getParsedTokenAccountsByOwner(wallet.publicKey, { programId: token.TOKEN_PROGRAM_ID });
  assert.ok(owned.value[0].pubkey.equals(own));
  const raw = await connection.getTokenAccountsByOwner(wallet.publicKey, { mint });
  assert.equal(token.unpackAccount(own, raw.value[0].account).amount, 5_000_000n);
}

// -- history

async function transactionsAreReadInEveryWay({ sent, airdrop }) {
  const options = { maxSupportedTransactionVersion: 0 };
  const shown = await connection.getTransaction(sent, options);
  assert.equal(shown.version, 'legacy');
  assert.ok(shown.meta.computeUnitsConsumed > 0);
  session.slot = shown.slot;
  const both = await connection.getTransactions([sent, airdrop], options);
  assert.deepEqual(both[0], shown);
  const old = await connection.getConfirmedTransaction(sent);
  assert.deepEqual([old.slot, old.meta], [shown.slot, shown.meta]);
  const parsed = await connection.getParsedTransaction(sent);
  assert.deepEqual(await connection.getParsedTransactions([sent]), [parsed]);
  assert.deepEqual(await connection.getParsedConfirmedTransaction(sent), parsed);
  assert.deepEqual(await connection.getParsedConfirmedTransactions([sent]), [parsed]);
}

async function blocksAreReadInEveryWay({ slot, sent }) {
  const full = await connection.getBlock(slot, { maxSupportedTransactionVersion: 0 });
  const signatures = full.transactions.map((each) => each.transaction.signatures[0]);
  assert.ok(signatures.includes(sent));
  assert.equal(full.parentSlot, slot - 1);
  assert.equal(full.blockTime, await connection.getBlockTime(slot));
  assert.deepEqual((await connection.getConfirmedBlock(slot)).blockhash, full.blockhash);
  assert.deepEqual((await connection.getBlockSignatures(slot)).signatures, signatures);
  assert.deepEqual((await connection.getConfirmedBlockSignatures(slot)).signatures, signatures);
  const light = { maxSupportedTransactionVersion: 0, transactionDetails: 'accounts' };
  const accounts = await connection.getBlock(slot, light);
  assert.ok(accounts.transactions[0].transaction.accountKeys.length > 0);
  const none = await connection.getBlock(slot, { ...light, transactionDetails: 'none', rewards: false });
  assert.deepEqual([none.transactions, none.blockhash], [undefined, full.blockhash]);
  const parsed = await connection.getParsedBlock(slot, { maxSupportedTransactionVersion: 0 });
  assert.equal(parsed.transactions.length, full.transactions.length);
  const previous = await connection.getBlock(slot - 1, { maxSupportedTransactionVersion: 0 });
  assert.equal(previous.blockhash, full.previousBlockhash);
  assert.deepEqual(await connection.getBlocks(slot - 1, slot), [slot - 1, slot]);
}

async function signaturesAreListedInEveryWay({ friend, sent }) {
  const listed = await connection.getSignaturesForAddress(friend.publicKey, { limit: 1000 });
  assert.equal(listed.length, 2);
  const { signature, confirmationStatus, err } = listed[1];
  assert.deepEqual([signature, err], [sent, null]);
  assert.ok(['confirmed', 'finalized'].includes(confirmationStatus));
  const older = await connection.getSignaturesForAddress(friend.publicKey, { before: sent });
  assert.deepEqual(older, []);
  const { value } = await connection.getSignatureStatuses([sent], { searchTransactionHistory: true });
  assert.deepEqual([value[0].err, value[0].status], [null, { Ok: null }]);
  assert.equal((await connection.getSignatureStatus(sent)).value.slot, session.slot);
}

// -- fees and blockhashes

async function feesAndBlockhashesAreReported({ wallet }) {
  const { context, value } = await connection.getLatestBlockhashAndContext('finalized');
  assert.ok(context.slot > 0);
  const { blockhash } = value;
  const plan = { payerKey: wallet.publicKey, recentBlockhash: blockhash, instructions: [payment(1)] };
  const message = new TransactionMessage(plan).compileToV0Message();
  assert.equal((await connection.getFeeForMessage(message)).value, 5_000);
  assert.equal((await connection.isBlockhashValid(blockhash)).value, true);
  const fees = await connection.getRecentPrioritizationFees({ lockedWritableAccounts: [wallet.publicKey] });
  for (const { prioritizationFee } of fees) assert.equal(prioritizationFee, 0);
  await assert.rejects(connection.getLatestBlockhash({ minContextSlot: FAR }), TOO_EARLY);
}

async function aNonceIsReadWithItsContext({ wallet }) {
  const nonce = Keypair.generate();
  const create = SystemProgram.createNonceAccount({
    fromPubkey: wallet.publicKey,
    noncePubkey: nonce.publicKey,
    authorizedPubkey: wallet.publicKey,
    lamports: 2_000_000,
  });
  await sendAndConfirmTransaction(connection, new Transaction().add(create), [wallet, nonce]);
  const { context, value } = await connection.getNonceAndContext(nonce.publicKey);
  assert.ok(context.slot > 0);
  assert.ok(value.authorizedPubkey.equals(wallet.publicKey));
  const advance = { noncePubkey: nonce.publicKey, authorizedPubkey: wallet.publicKey };
  await sendAndConfirmTransaction(connection, new Transaction().add(SystemProgram.nonceAdvance(advance)), [wallet]);
  assert.notEqual((await connection.getNonce(nonce.publicKey)).nonce, value.nonce);
}

async function methodsThatNodesDroppedAreUnknown({ friend, sent }) {
  await assert.rejects(connection.getStakeActivation(friend.publicKey), UNKNOWN_METHOD);
  await assert.rejects(connection.getFeeCalculatorForBlockhash(sent), UNKNOWN_METHOD);
  await assert.rejects(connection.getConfirmedSignaturesForAddress2(friend.publicKey), UNKNOWN_METHOD);
  const { slot } = session;
  await assert.rejects(connection.getConfirmedSignaturesForAddress(friend.publicKey, slot, slot), UNKNOWN_METHOD);
  // These ask for the method that replaced the dropped one.
  assert.ok((await connection.getRecentBlockhash()).blockhash);
  assert.ok((await connection.getRecentBlockhashAndContext()).context.slot > 0);
}

// -- sending

async function transactionsAreSentInEveryWay({ wallet }) {
  const { blockhash, lastValidBlockHeight } = await connection.getLatestBlockhash();
  const transaction = new Transaction({ feePayer: wallet.publicKey, blockhash, lastValidBlockHeight });
  transaction.add(payment(11)).sign(wallet);
  const encoded = await connection.sendEncodedTransaction(transaction.serialize().toString('base64'));
  const waiting = { signature: encoded, blockhash, lastValidBlockHeight };
  assert.equal((await within(connection.confirmTransaction(waiting), 'a confirmation')).value.err, null);
  const plan = { payerKey: wallet.publicKey, recentBlockhash: blockhash, instructions: [payment(12)] };
  const versioned = new VersionedTransaction(new TransactionMessage(plan).compileToLegacyMessage());
  versioned.sign([wallet]);
  const simulated = await connection.simulateTransaction(versioned, { sigVerify: true, innerInstructions: true });
  assert.equal(simulated.value.err, null);
  const raw = await connection.sendRawTransaction(versioned.serialize(), { maxRetries: 0 });
  // The strategy of a bare signature waits for at most a minute.
  assert.equal((await connection.confirmTransaction(raw, 'finalized')).value.err, null);
  const legacy = await connection.simulateTransaction(new Transaction().add(payment(13)), [wallet], true);
  assert.equal(legacy.value.accounts.length, 2);
}

async function aConfirmationIsCancelled({ wallet }) {
  const { blockhash, lastValidBlockHeight } = await connection.getLatestBlockhash();
  const transaction = new Transaction({ feePayer: wallet.publicKey, blockhash, lastValidBlockHeight });
  transaction.add(payment(14)).sign(wallet);
  const abort = new AbortController();
  const signature = base58(transaction.signature);
  const strategy = { signature, blockhash, lastValidBlockHeight, abortSignal: abort.signal };
  const waiting = connection.confirmTransaction(strategy);
  abort.abort('enough');
  await assert.rejects(waiting, (reason) => reason === 'enough');
}

// -- subscriptions

async function everySubscriptionIsAnswered({ wallet, friend, own, mint }) {
  const nothing = async () => {};
  const pay = (lamports) => async () => {
    session.last = await sendAndConfirmTransaction(connection, new Transaction().add(payment(lamports)), [wallet]);
  };
  const [account] = await told(
    (tell) => connection.onAccountChange(friend.publicKey, tell, 'confirmed'),
    (id) => connection.removeAccountChangeListener(id),
    pay(21),
  );
  assert.equal(account.lamports, await connection.getBalance(friend.publicKey));
  const [{ accountId }] = await told(
    (tell) => connection.onProgramAccountChange(token.TOKEN_PROGRAM_ID, tell, 'confirmed', [{ dataSize: 165 }]),
    (id) => connection.removeProgramAccountChangeListener(id),
    () => token.mintTo(connection, wallet, mint, own, wallet, 1n),
  );
  assert.ok(accountId.equals(own));
  for (const filter of ['all', 'allWithVotes', friend.publicKey]) {
    const [logs] = await told(
      (tell) => connection.onLogs(filter, tell, 'confirmed'),
      (id) => connection.removeOnLogsListener(id),
      pay(22 + String(filter).length),
    );
    assert.deepEqual([logs.err, logs.signature], [null, session.last]);
  }
  const [slot] = await told(
    (tell) => connection.onSlotChange(tell),
    (id) => connection.removeSlotChangeListener(id),
    nothing,
  );
  assert.ok(slot.root <= slot.slot && slot.parent < slot.slot);
  const [root] = await told(
    (tell) => connection.onRootChange(tell),
    (id) => connection.removeRootChangeListener(id),
    nothing,
  );
  assert.ok(root >= slot.root);
  const [update] = await told(
    (tell) => connection.onSlotUpdate(tell),
    (id) => connection.removeSlotUpdateListener(id),
    nothing,
  );
  assert.ok(update.slot > 0 && update.timestamp > 0);
}

async function landedSignaturesAreReportedAtOnce({ last }) {
  for (const commitment of ['processed', 'confirmed', 'finalized']) {
    const [result] = await within(
      new Promise((resolve) => connection.onSignature(last, (...message) => resolve(message), commitment)),
      'a landed signature',
    );
    assert.equal(result.err, null);
  }
  const options = { commitment: 'confirmed', enableReceivedNotification: true };
  await within(
    new Promise((resolve) => {
      const tell = (notification) => notification.type === 'status' && resolve();
      connection.onSignatureWithOptions(last, tell, options);
    }),
    'a landed signature',
  );
}

await run(
  [
    moneyAndTokensAreMade,
    theNodeDescribesItself,
    theScheduleNamesOneLeader,
    oneVoteAccountHasAllStake,
    blocksAreProducedByIt,
    inflationIsReported,
    supplyAndBalancesAgree,
    limitsAreReported,
    accountsAreReadInEveryWay,
    programsAccountsAreFound,
    tokensAreCounted,
    transactionsAreReadInEveryWay,
    blocksAreReadInEveryWay,
    signaturesAreListedInEveryWay,
    feesAndBlockhashesAreReported,
    aNonceIsReadWithItsContext,
    methodsThatNodesDroppedAreUnknown,
    transactionsAreSentInEveryWay,
    aConfirmationIsCancelled,
    everySubscriptionIsAnswered,
    landedSignaturesAreReportedAtOnce,
  ],
  session,
  { independent: true },
);
