// A session of @solana/web3.js 1.x and @solana/spl-token against `psyche-cli localnet`.
import assert from 'node:assert/strict';
import * as token from '@solana/spl-token';
import {
  AddressLookupTableProgram,
  Connection,
  Keypair,
  LAMPORTS_PER_SOL,
  NONCE_ACCOUNT_LENGTH,
  NonceAccount,
  PublicKey,
  SendTransactionError,
  SystemProgram,
  Transaction,
  TransactionExpiredBlockheightExceededError,
  TransactionExpiredNonceInvalidError,
  TransactionMessage,
  VersionedTransaction,
  sendAndConfirmTransaction,
} from '@solana/web3.js';
import { FEE, SOL, base58, endpoints, run, until, warpSlots, within } from './session.mjs';

const { rpcUrl, wsUrl } = endpoints();
const TOO_MUCH = 1000 * SOL;
const INSUFFICIENT_FUNDS = { InstructionError: [0, { Custom: 1 }] };

const session = {
  connection: new Connection(rpcUrl, { commitment: 'confirmed', wsEndpoint: wsUrl }),
  wallet: Keypair.generate(),
  friend: Keypair.generate(),
};

/**
 * A transfer from the wallet to its friend, not signed. Every step sends another amount: two equal transfers with one
 * blockhash are one and the same transaction.
 */
function payment(lamports) {
  return SystemProgram.transfer({
    fromPubkey: session.wallet.publicKey,
    toPubkey: session.friend.publicKey,
    lamports,
  });
}

/** A signed transaction with the newest blockhash, and that blockhash's end. */
async function signed(...instructions) {
  const latest = await session.connection.getLatestBlockhash();
  const transaction = new Transaction({ feePayer: session.wallet.publicKey, ...latest }).add(...instructions);
  transaction.sign(session.wallet);
  return { transaction, latest };
}

async function signedV0(instructions, tables = []) {
  const { blockhash } = await session.connection.getLatestBlockhash();
  const message = new TransactionMessage({
    payerKey: session.wallet.publicKey,
    recentBlockhash: blockhash,
    instructions,
  });
  const transaction = new VersionedTransaction(message.compileToV0Message(tables));
  transaction.sign([session.wallet]);
  return transaction;
}

const balance = (key) => session.connection.getBalance(key);

/** What a subscription tells first after an action, which gets the subscription time to be made. */
async function told(subscribe, unsubscribe, action) {
  let subscription;
  const told = new Promise((resolve) => {
    subscription = subscribe((...message) => resolve(message));
  });
  await subscribed(subscription);
  await action();
  const message = await within(told, 'a notification');
  await unsubscribe(subscription);
  return message;
}

/** Wait until the server has confirmed a subscription of the client's. */
function subscribed(subscription) {
  return within(
    new Promise((resolve) => {
      session.connection._onSubscriptionStateChange(subscription, (state) => {
        if (state === 'subscribed') resolve();
      });
    }),
    'a subscription',
  );
}

// -- the cluster

async function theClusterTellsItsVersion({ connection }) {
  const version = await connection.getVersion();
  assert.match(version['solana-core'], /^\d+\.\d+\.\d+/);
  assert.equal(new PublicKey(await connection.getGenesisHash()).toBytes().length, 32);
  assert.equal((await connection.getClusterNodes()).length, 1);
}

async function slotsAndHeightsGrow({ connection }) {
  const slot = await connection.getSlot();
  await until(() => connection.getSlot('processed'), (now) => now > slot, 'a slot');
  assert.ok((await connection.getBlockHeight()) > 0);
  assert.ok((await connection.getSlot({ minContextSlot: slot })) > slot);
  await assert.rejects(connection.getSlot({ minContextSlot: 10 ** 9 }), /Minimum context slot has not been reached/);
}

async function epochsAndSupplyAreTold({ connection }) {
  const [info, schedule] = [await connection.getEpochInfo(), await connection.getEpochSchedule()];
  assert.equal(info.slotsInEpoch, schedule.slotsPerEpoch);
  assert.equal(schedule.getEpoch(info.absoluteSlot), info.epoch);
  const { value } = await connection.getSupply();
  assert.equal(value.total, value.circulating + value.nonCirculating);
  assert.ok((await connection.getLargestAccounts()).value.length > 0);
  assert.ok((await connection.getVoteAccounts()).current[0].activatedStake > 0);
}

async function rentIsTold({ connection }) {
  assert.equal(await connection.getMinimumBalanceForRentExemption(0), 890_880);
  assert.equal(await connection.getMinimumBalanceForRentExemption(119_160), 830_244_480);
}

// -- money

async function theFaucetPays({ connection, wallet }) {
  const signature = await connection.requestAirdrop(wallet.publicKey, 100 * LAMPORTS_PER_SOL);
  const latest = await connection.getLatestBlockhash();
  const { value } = await connection.confirmTransaction({ signature, ...latest });
  assert.equal(value.err, null);
  assert.equal(await balance(wallet.publicKey), 100 * SOL);
}

async function aTransferIsSentAndConfirmed({ connection, wallet, friend }) {
  const transaction = new Transaction().add(payment(SOL));
  session.transfer = await sendAndConfirmTransaction(connection, transaction, [wallet]);
  assert.equal(await balance(friend.publicKey), SOL);
  assert.equal(await balance(wallet.publicKey), 99 * SOL - FEE);
}

async function aTransferIsConfirmedByPolling({ connection, friend }) {
  const { transaction } = await signed(payment(2 * SOL));
  const signature = await connection.sendRawTransaction(transaction.serialize());
  const { value } = await until(
    () => connection.getSignatureStatus(signature),
    (status) => status.value !== null,
    'a status',
  );
  assert.deepEqual([value.err, value.confirmationStatus], [null, 'finalized']);
  assert.equal(await balance(friend.publicKey), 3 * SOL);
}

async function aTransferIsConfirmedByWebSocket({ connection, friend }) {
  const { transaction } = await signed(payment(3 * SOL));
  const [result] = await within(
    new Promise((resolve) => {
      const subscription = connection.onSignature(base58(transaction.signature), (...message) => resolve(message));
      subscribed(subscription).then(() => connection.sendRawTransaction(transaction.serialize()));
    }),
    'the signature',
  );
  assert.equal(result.err, null);
  assert.equal(await balance(friend.publicKey), 6 * SOL);
}

async function aSubscriberThatWaitsForTheReceptionHearsOfTheLanding({ connection }) {
  const { transaction } = await signed(payment(1));
  const signature = base58(transaction.signature);
  const options = { commitment: 'confirmed', enableReceivedNotification: true };
  // A node that leads every slot receives no transactions of other leaders.
  const [notification] = await within(
    new Promise((resolve) => {
      const subscription = connection.onSignatureWithOptions(signature, (...message) => resolve(message), options);
      subscribed(subscription).then(() => connection.sendRawTransaction(transaction.serialize()));
    }),
    'the landing',
  );
  assert.deepEqual([notification.type, notification.result], ['status', { err: null }]);
  await until(() => connection.getSignatureStatus(signature), (status) => status.value !== null, 'a status');
}

async function feesAreTold({ connection }) {
  const { transaction } = await signed(payment(SOL));
  assert.equal((await connection.getFeeForMessage(transaction.compileMessage())).value, FEE);
  assert.equal(await transaction.getEstimatedFee(connection), FEE);
  assert.ok(Array.isArray(await connection.getRecentPrioritizationFees()));
}

// -- what was

async function aTransactionIsShown({ connection, friend }) {
  const shown = await connection.getTransaction(session.transfer, { maxSupportedTransactionVersion: 0 });
  assert.deepEqual([shown.meta.err, shown.meta.fee, shown.version], [null, FEE, 'legacy']);
  assert.equal(shown.meta.postBalances[1] - shown.meta.preBalances[1], SOL);
  assert.ok(shown.transaction.message.staticAccountKeys[1].equals(friend.publicKey));
}

async function signaturesAreListedAndFetchedInABatch({ connection, friend }) {
  const listed = (await connection.getSignaturesForAddress(friend.publicKey)).map((each) => each.signature);
  assert.equal(listed.length, 4);
  assert.equal(listed[3], session.transfer);
  const page = await connection.getSignaturesForAddress(friend.publicKey, { before: listed[0], limit: 2 });
  assert.deepEqual(page.map((each) => each.signature), listed.slice(1, 3));
  const together = await connection.getParsedTransactions(listed, { maxSupportedTransactionVersion: 0 });
  assert.deepEqual(together.map((each) => each.transaction.signatures[0]), listed);
}

async function blocksAreShown({ connection }) {
  const { slot, blockTime } = await connection.getTransaction(session.transfer);
  const block = await connection.getBlock(slot, { maxSupportedTransactionVersion: 0 });
  assert.ok(block.transactions.some((each) => each.transaction.signatures[0] === session.transfer));
  assert.equal(block.blockTime, blockTime);
  assert.equal(await connection.getBlockTime(slot), blockTime);
  assert.ok((await connection.getBlocks(slot, slot)).includes(slot));
  const signatures = await connection.getBlockSignatures(slot);
  assert.ok(signatures.signatures.includes(session.transfer));
  const parsed = await connection.getParsedBlock(slot, { maxSupportedTransactionVersion: 0 });
  assert.equal(parsed.blockhash, block.blockhash);
}

// -- accounts

async function accountsAreRead({ connection, wallet, friend }) {
  const account = await connection.getAccountInfo(friend.publicKey);
  assert.ok(account.owner.equals(SystemProgram.programId));
  assert.deepEqual([account.lamports, account.data.length, account.executable], [6 * SOL + 1, 0, false]);
  assert.equal(await connection.getAccountInfo(Keypair.generate().publicKey), null);
  const keys = [wallet.publicKey, Keypair.generate().publicKey, friend.publicKey];
  const [first, second, third] = await connection.getMultipleAccountsInfo(keys);
  assert.deepEqual([first.lamports > 0, second, third.lamports], [true, null, 6 * SOL + 1]);
  const { context, value } = await connection.getBalanceAndContext(friend.publicKey);
  assert.ok(context.slot > 0 && value === 6 * SOL + 1);
}

// -- simulation and failure

async function aSimulationChangesNothing({ connection, friend }) {
  const { transaction } = await signed(payment(4 * SOL));
  const { value } = await connection.simulateTransaction(transaction, [session.wallet]);
  assert.equal(value.err, null);
  assert.deepEqual(value.logs, [
    'Program 11111111111111111111111111111111 invoke [1]',
    'Program 11111111111111111111111111111111 success',
  ]);
  assert.ok(value.unitsConsumed > 0);
  assert.equal(await balance(friend.publicKey), 6 * SOL + 1);
}

async function aSimulationShowsAccounts({ connection, friend }) {
  const transaction = await signedV0([payment(SOL)]);
  transaction.message.recentBlockhash = PublicKey.default.toBase58();
  const { value } = await connection.simulateTransaction(transaction, {
    replaceRecentBlockhash: true,
    innerInstructions: true,
    accounts: { encoding: 'base64', addresses: [friend.publicKey.toBase58()] },
  });
  assert.equal(value.err, null);
  assert.equal(value.accounts[0].lamports, 7 * SOL + 1);
  assert.ok(value.replacementBlockhash.lastValidBlockHeight > 0);
}

async function aSimulationTellsTheFailure({ connection }) {
  const { value } = await connection.simulateTransaction(await signedV0([payment(TOO_MUCH)]), { sigVerify: true });
  assert.deepEqual(value.err, INSUFFICIENT_FUNDS);
}

async function preflightRefusesAFailure({ connection, wallet }) {
  const before = await balance(wallet.publicKey);
  const transaction = new Transaction().add(payment(TOO_MUCH));
  await assert.rejects(sendAndConfirmTransaction(connection, transaction, [wallet]), (error) => {
    assert.ok(error instanceof SendTransactionError);
    assert.match(error.transactionError.message, /custom program error: 0x1/);
    assert.match(error.logs.join('\n'), /insufficient lamports/);
    return true;
  });
  assert.equal(await balance(wallet.publicKey), before);
}

async function withoutPreflightAFailureCostsItsFee({ connection, wallet }) {
  const before = await balance(wallet.publicKey);
  const transaction = new Transaction().add(payment(TOO_MUCH + 1));
  const sending = sendAndConfirmTransaction(connection, transaction, [wallet], { skipPreflight: true });
  const error = await sending.catch((reason) => reason);
  assert.ok(error instanceof SendTransactionError);
  assert.match(error.message, /Status: \({"err":{"InstructionError":\[0,{"Custom":1}\]}}\)/);
  assert.match((await error.getLogs(connection)).join('\n'), /insufficient lamports/);
  assert.equal(await balance(wallet.publicKey), before - FEE);
  const signature = base58(transaction.signature);
  assert.deepEqual((await connection.getTransaction(signature)).meta.err, INSUFFICIENT_FUNDS);
  const { value } = await connection.getSignatureStatus(signature, { searchTransactionHistory: true });
  assert.deepEqual(value.err, INSUFFICIENT_FUNDS);
}

async function aWrongSignatureIsRefused({ connection }) {
  const { transaction } = await signed(payment(SOL));
  const raw = Buffer.from(transaction.serialize());
  raw[1] ^= 1;
  await assert.rejects(connection.sendRawTransaction(raw), /Transaction signature verification failure/);
}

async function aSecondSendingIsRefused({ connection, friend }) {
  const { transaction, latest } = await signed(payment(SOL - 1));
  const raw = transaction.serialize();
  const signature = await connection.sendRawTransaction(raw);
  await connection.confirmTransaction({ signature, ...latest });
  await assert.rejects(connection.sendRawTransaction(raw), /already been processed/);
  assert.equal(await connection.sendRawTransaction(raw, { skipPreflight: true }), signature);
  assert.equal(await balance(friend.publicKey), 7 * SOL);
}

// -- subscriptions

async function anAccountIsWatched({ connection, friend }) {
  const [account, context] = await told(
    (tell) => connection.onAccountChange(friend.publicKey, tell, { commitment: 'confirmed' }),
    (subscription) => connection.removeAccountChangeListener(subscription),
    async () => connection.sendTransaction(await signedV0([payment(SOL)])),
  );
  assert.equal(account.lamports, 8 * SOL);
  assert.ok(context.slot > 0);
}

async function logsAreWatched({ connection, friend }) {
  let signature;
  // Without this read, the subscription may begin with the payment of the step before.
  await balance(friend.publicKey);
  const [logs] = await told(
    (tell) => connection.onLogs(friend.publicKey, tell),
    (subscription) => connection.removeOnLogsListener(subscription),
    async () => {
      signature = await connection.sendTransaction(await signedV0([payment(2)]));
    },
  );
  assert.equal(logs.signature, signature);
  assert.equal(logs.err, null);
  assert.equal(logs.logs.length, 2);
}

async function slotsAndRootsAreTold({ connection }) {
  const nothing = async () => {};
  const [slot] = await told(
    (tell) => connection.onSlotChange(tell),
    (subscription) => connection.removeSlotChangeListener(subscription),
    nothing,
  );
  assert.equal(slot.parent, slot.slot - 1);
  const [root] = await told(
    (tell) => connection.onRootChange(tell),
    (subscription) => connection.removeRootChangeListener(subscription),
    nothing,
  );
  assert.ok(root >= slot.root);
}

// -- tokens

async function aMintIsCreated({ connection, wallet }) {
  session.mint = await token.createMint(connection, wallet, wallet.publicKey, wallet.publicKey, 6);
  const mint = await token.getMint(connection, session.mint);
  assert.deepEqual([mint.supply, mint.decimals, mint.isInitialized], [0n, 6, true]);
}

async function tokensAreMinted({ connection, wallet }) {
  const { address } = await token.getOrCreateAssociatedTokenAccount(
    connection,
    wallet,
    session.mint,
    wallet.publicKey,
  );
  await token.mintTo(connection, wallet, session.mint, address, wallet, 5_000_000n);
  assert.equal((await token.getAccount(connection, address)).amount, 5_000_000n);
  assert.equal((await connection.getTokenSupply(session.mint)).value.uiAmountString, '5');
  session.own = address;
}

async function tokensAreTransferredAndWatched({ connection, wallet, friend }) {
  const his = await token.createAssociatedTokenAccount(connection, wallet, session.mint, friend.publicKey);
  const [{ accountId, accountInfo }] = await told(
    (tell) =>
      connection.onProgramAccountChange(token.TOKEN_PROGRAM_ID, tell, {
        filters: [{ dataSize: 165 }, { memcmp: { offset: 32, bytes: friend.publicKey.toBase58() } }],
      }),
    (subscription) => connection.removeProgramAccountChangeListener(subscription),
    () => token.transferChecked(connection, wallet, session.own, session.mint, his, wallet, 1_500_000, 6),
  );
  assert.ok(accountId.equals(his));
  assert.equal(token.unpackAccount(his, accountInfo).amount, 1_500_000n);
  const { value } = await connection.getTokenAccountBalance(his);
  assert.deepEqual([value.amount, value.decimals, value.uiAmountString], ['1500000', 6, '1.5']);
  session.his = his;
}

async function tokenAccountsAreFound({ connection, wallet, friend }) {
  const { value } = await connection.getParsedTokenAccountsByOwner(friend.publicKey, { mint: session.mint });
  assert.equal(value[0].account.data.parsed.info.tokenAmount.uiAmountString, '1.5');
  const raw = await connection.getTokenAccountsByOwner(wallet.publicKey, { programId: token.TOKEN_PROGRAM_ID });
  assert.ok(raw.value[0].pubkey.equals(session.own));
  const found = await connection.getProgramAccounts(token.TOKEN_PROGRAM_ID, {
    dataSlice: { offset: 64, length: 8 },
    filters: [{ dataSize: 165 }, { memcmp: { offset: 0, bytes: session.mint.toBase58() } }],
  });
  const amounts = found.map((each) => each.account.data.readBigUInt64LE()).sort();
  assert.deepEqual(amounts, [1_500_000n, 3_500_000n]);
  const largest = await connection.getTokenLargestAccounts(session.mint);
  assert.ok(largest.value[0].address.equals(session.own));
  const parsed = await connection.getParsedAccountInfo(session.mint);
  assert.equal(parsed.value.data.parsed.type, 'mint');
}

async function aTokenTransferShowsBalances({ connection, wallet }) {
  const signature = await token.transfer(connection, wallet, session.own, session.his, wallet, 500_000);
  const { meta } = await connection.getParsedTransaction(signature);
  session.tokenTransfer = signature;
  const amounts = (balances) => balances.map((each) => each.uiTokenAmount.amount).sort();
  assert.deepEqual(amounts(meta.preTokenBalances), ['1500000', '3500000']);
  assert.deepEqual(amounts(meta.postTokenBalances), ['2000000', '3000000']);
}

async function aTokenFailureTellsItsLogs({ connection, wallet }) {
  const sending = token.transfer(connection, wallet, session.own, session.his, wallet, 9_000_000);
  await assert.rejects(sending, (error) => {
    assert.ok(error instanceof SendTransactionError);
    assert.match(error.logs.join('\n'), /Error: insufficient funds/);
    return true;
  });
}

async function tokensAreBurntAndAnAccountIsClosed({ connection, wallet, friend }) {
  await token.burn(connection, wallet, session.his, session.mint, friend, 2_000_000);
  const before = await balance(friend.publicKey);
  await token.closeAccount(connection, wallet, session.his, friend.publicKey, friend);
  assert.equal(await balance(friend.publicKey), before + 2_039_280);
  await assert.rejects(token.getAccount(connection, session.his), token.TokenAccountNotFoundError);
  assert.equal((await token.getMint(connection, session.mint)).supply, 3_000_000n);
}

// -- look-up tables

async function aLookUpTableIsCreated({ connection, wallet, friend }) {
  const owner = { authority: wallet.publicKey, payer: wallet.publicKey };
  const recentSlot = await connection.getSlot('finalized');
  const [create, address] = AddressLookupTableProgram.createLookupTable({ ...owner, recentSlot: recentSlot - 1 });
  const addresses = [Keypair.generate().publicKey, friend.publicKey];
  const extend = AddressLookupTableProgram.extendLookupTable({ ...owner, lookupTable: address, addresses });
  await sendAndConfirmTransaction(connection, new Transaction().add(create, extend), [wallet]);
  const { value } = await connection.getAddressLookupTable(address);
  assert.ok(value.state.addresses[1].equals(friend.publicKey));
  session.table = value;
}

async function aVersion0TransactionUsesIt({ connection, friend }) {
  const slot = await connection.getSlot();
  // A table's addresses are usable from the slot after the one that added them.
  await until(() => connection.getSlot(), (now) => now > slot, 'a slot');
  const before = await balance(friend.publicKey);
  const transaction = await signedV0([payment(SOL)], [session.table]);
  assert.equal(transaction.message.addressTableLookups.length, 1);
  const signature = await connection.sendTransaction(transaction);
  const { blockhash, lastValidBlockHeight } = await connection.getLatestBlockhash();
  await connection.confirmTransaction({ signature, blockhash, lastValidBlockHeight });
  assert.equal(await balance(friend.publicKey), before + SOL);
  const shown = await connection.getTransaction(signature, { maxSupportedTransactionVersion: 0 });
  assert.equal(shown.version, 0);
  assert.ok(shown.meta.loadedAddresses.writable[0].equals(friend.publicKey));
  await assert.rejects(connection.getTransaction(signature), /Transaction version \(0\) is not supported/);
}

// -- durable nonces

async function aNonceAccountIsCreated({ connection, wallet }) {
  const nonce = Keypair.generate();
  const lamports = await connection.getMinimumBalanceForRentExemption(NONCE_ACCOUNT_LENGTH);
  const create = SystemProgram.createNonceAccount({
    fromPubkey: wallet.publicKey,
    noncePubkey: nonce.publicKey,
    authorizedPubkey: wallet.publicKey,
    lamports,
  });
  await sendAndConfirmTransaction(connection, new Transaction().add(create), [wallet, nonce]);
  const account = NonceAccount.fromAccountData((await connection.getAccountInfo(nonce.publicKey)).data);
  assert.ok(account.authorizedPubkey.equals(wallet.publicKey));
  assert.equal(account.feeCalculator.lamportsPerSignature, FEE);
  session.nonce = nonce.publicKey;
  session.durable = await durable(payment(SOL));
}

/** A signed transaction with the nonce account's present value in the place of a blockhash. */
async function durable(...instructions) {
  const { nonce } = await session.connection.getNonce(session.nonce);
  const nonceInstruction = SystemProgram.nonceAdvance({
    noncePubkey: session.nonce,
    authorizedPubkey: session.wallet.publicKey,
  });
  const transaction = new Transaction({ feePayer: session.wallet.publicKey, nonceInfo: { nonce, nonceInstruction } });
  transaction.add(...instructions);
  transaction.sign(session.wallet);
  return transaction;
}

// -- expiry

async function anUnsentTransactionExpires({ connection }) {
  const { transaction, latest } = await signed(payment(SOL));
  const waiting = connection.confirmTransaction({ signature: base58(transaction.signature), ...latest });
  waiting.catch(() => {});
  await warpSlots(rpcUrl, 151);
  await assert.rejects(waiting, TransactionExpiredBlockheightExceededError);
  session.stale = transaction;
}

async function anExpiredBlockhashIsRefused({ connection, friend }) {
  const before = await balance(friend.publicKey);
  const raw = session.stale.serialize();
  assert.equal((await connection.isBlockhashValid(session.stale.recentBlockhash)).value, false);
  await assert.rejects(connection.sendRawTransaction(raw), /Blockhash not found/);
  const signature = await connection.sendRawTransaction(raw, { skipPreflight: true });
  assert.equal((await connection.getSignatureStatus(signature)).value, null);
  assert.equal(await balance(friend.publicKey), before);
}

async function aDurableTransactionOutlivesBlockhashes({ connection, friend }) {
  const before = await balance(friend.publicKey);
  const { nonceInfo } = session.durable;
  const signature = await connection.sendRawTransaction(session.durable.serialize());
  const { value } = await connection.confirmTransaction({
    signature,
    minContextSlot: await connection.getSlot(),
    nonceAccountPubkey: session.nonce,
    nonceValue: nonceInfo.nonce,
  });
  assert.equal(value.err, null);
  assert.equal(await balance(friend.publicKey), before + SOL);
  assert.notEqual((await connection.getNonce(session.nonce)).nonce, nonceInfo.nonce);
}

async function aUsedNonceInvalidatesWhatWaitsForIt({ connection }) {
  const [used, waiting] = [await durable(payment(3)), await durable(payment(4))];
  await connection.sendRawTransaction(used.serialize());
  const confirming = connection.confirmTransaction({
    signature: base58(waiting.signature),
    minContextSlot: await connection.getSlot(),
    nonceAccountPubkey: session.nonce,
    nonceValue: waiting.nonceInfo.nonce,
  });
  await assert.rejects(confirming, TransactionExpiredNonceInvalidError);
}

// -- instructions in plain words

async function instructionsOfKnownProgramsAreParsed({ connection, wallet, friend }) {
  const [transfer, tokens] = await connection.getParsedTransactions([session.transfer, session.tokenTransfer]);
  const [moved] = transfer.transaction.message.instructions;
  assert.deepEqual(moved.parsed, {
    type: 'transfer',
    info: { source: wallet.publicKey.toBase58(), destination: friend.publicKey.toBase58(), lamports: SOL },
  });
  assert.equal(moved.program, 'system');
  const [paid] = tokens.transaction.message.instructions;
  assert.equal(paid.program, 'spl-token');
  assert.deepEqual(paid.parsed, {
    type: 'transfer',
    info: {
      source: session.own.toBase58(),
      destination: session.his.toBase58(),
      authority: wallet.publicKey.toBase58(),
      amount: '500000',
    },
  });
}

await run(
  [
    theClusterTellsItsVersion,
    slotsAndHeightsGrow,
    epochsAndSupplyAreTold,
    rentIsTold,
    theFaucetPays,
    aTransferIsSentAndConfirmed,
    aTransferIsConfirmedByPolling,
    aTransferIsConfirmedByWebSocket,
    aSubscriberThatWaitsForTheReceptionHearsOfTheLanding,
    feesAreTold,
    aTransactionIsShown,
    signaturesAreListedAndFetchedInABatch,
    blocksAreShown,
    accountsAreRead,
    aSimulationChangesNothing,
    aSimulationShowsAccounts,
    aSimulationTellsTheFailure,
    preflightRefusesAFailure,
    withoutPreflightAFailureCostsItsFee,
    aWrongSignatureIsRefused,
    aSecondSendingIsRefused,
    anAccountIsWatched,
    logsAreWatched,
    slotsAndRootsAreTold,
    aMintIsCreated,
    tokensAreMinted,
    tokensAreTransferredAndWatched,
    tokenAccountsAreFound,
    aTokenTransferShowsBalances,
    aTokenFailureTellsItsLogs,
    tokensAreBurntAndAnAccountIsClosed,
    aLookUpTableIsCreated,
    aVersion0TransactionUsesIt,
    aNonceAccountIsCreated,
    anUnsentTransactionExpires,
    anExpiredBlockhashIsRefused,
    aDurableTransactionOutlivesBlockhashes,
    aUsedNonceInvalidatesWhatWaitsForIt,
    instructionsOfKnownProgramsAreParsed,
  ],
  session,
);
