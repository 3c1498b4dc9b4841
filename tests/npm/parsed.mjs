// jsonParsed beside the decoders of @solana/spl-token and @solana/web3.js, against `psyche-cli localnet`.
import assert from 'node:assert/strict';
import * as token from '@solana/spl-token';
import {
  AddressLookupTableProgram,
  Authorized,
  Connection,
  Keypair,
  Lockup,
  PublicKey,
  StakeProgram,
  SystemProgram,
  Transaction,
  sendAndConfirmTransaction,
} from '@solana/web3.js';
import { SOL, endpoints, run } from './session.mjs';

const { rpcUrl, wsUrl } = endpoints();
const PROGRAM = token.TOKEN_2022_PROGRAM_ID;
const session = {
  connection: new Connection(rpcUrl, { commitment: 'confirmed', wsEndpoint: wsUrl }),
  wallet: Keypair.generate(),
  address: PublicKey.unique(),
};
const { connection, wallet, address } = session;
const me = wallet.publicKey;

/** Send instructions and return them as the validator parses them, with inner ones after each. */
async function sent(instructions, ...signers) {
  const unsigned = new Transaction().add(...instructions);
  const signature = await sendAndConfirmTransaction(connection, unsigned, [wallet, ...signers]);
  const { transaction, meta } = await connection.getParsedTransaction(signature, 'confirmed');
  const inner = Object.fromEntries(meta.innerInstructions.map((outer) => [outer.index, outer.instructions]));
  const all = transaction.message.instructions.flatMap((outer, index) => [outer, ...(inner[index] ?? [])]);
  assert.ok(all.every(({ parsed }) => parsed !== undefined), JSON.stringify(all));
  return all.map(({ parsed, program }) => ({ program, ...parsed }));
}

async function info(key) {
  const { value } = await connection.getParsedAccountInfo(key);
  return { program: value.data.program, ...value.data.parsed };
}

/** A value of a decoder in the form of jsonParsed. */
function plain(value) {
  if (value instanceof PublicKey) return value.equals(PublicKey.default) ? null : value.toBase58();
  if (typeof value === 'bigint') return Number(value);
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]));
}

const names = (parsed) => parsed.map(({ type }) => type);
const create = (key, space, lamports = SOL / 10) =>
  SystemProgram.createAccount({ fromPubkey: me, newAccountPubkey: key.publicKey, space, lamports, programId: PROGRAM });

const { ExtensionType: Type } = token;
const STATES = ['uninitialized', 'initialized', 'frozen'];
/** The decoder of each extension. */
const OF_MINTS = {
  transferFeeConfig: token.getTransferFeeConfig,
  mintCloseAuthority: token.getMintCloseAuthority,
  defaultAccountState: (mint) => ({ accountState: STATES[token.getDefaultAccountState(mint).state] }),
  interestBearingConfig: token.getInterestBearingMintConfigState,
  permanentDelegate: token.getPermanentDelegate,
  transferHook: token.getTransferHook,
  metadataPointer: token.getMetadataPointerState,
  groupPointer: token.getGroupPointerState,
  groupMemberPointer: token.getGroupMemberPointerState,
};

async function theFaucetPays() {
  await connection.confirmTransaction(await connection.requestAirdrop(me, 100 * SOL));
}

async function extensionsOfAMintAreAsItsDecodersSay() {
  const key = Keypair.generate();
  const mint = key.publicKey;
  const types = [
    Type.TransferFeeConfig, Type.MintCloseAuthority, Type.DefaultAccountState, Type.InterestBearingConfig,
    Type.PermanentDelegate, Type.TransferHook, Type.MetadataPointer, Type.GroupPointer, Type.GroupMemberPointer,
  ];
  const parsed = await sent(
    [
      create(key, token.getMintLen(types)),
      token.createInitializeTransferFeeConfigInstruction(mint, me, null, 50, 9n, PROGRAM),
      token.createInitializeMintCloseAuthorityInstruction(mint, me, PROGRAM),
      token.createInitializeDefaultAccountStateInstruction(mint, token.AccountState.Frozen, PROGRAM),
      token.createInitializeInterestBearingMintInstruction(mint, me, 500, PROGRAM),
      token.createInitializePermanentDelegateInstruction(mint, address, PROGRAM),
      token.createInitializeTransferHookInstruction(mint, me, address, PROGRAM),
      token.createInitializeMetadataPointerInstruction(mint, me, mint, PROGRAM),
      token.createInitializeGroupPointerInstruction(mint, me, address, PROGRAM),
      token.createInitializeGroupMemberPointerInstruction(mint, me, address, PROGRAM),
      token.createInitializeMint2Instruction(mint, 2, me, me, PROGRAM),
    ],
    key,
  );
  assert.ok(parsed.slice(1).every(({ program }) => program === 'spl-token'));
  assert.deepEqual(names(parsed), [
    'createAccount', 'initializeTransferFeeConfig', 'initializeMintCloseAuthority', 'initializeDefaultAccountState',
    'initializeInterestBearingConfig', 'initializePermanentDelegate', 'initializeTransferHook',
    'initializeMetadataPointer', 'initializeGroupPointer', 'initializeGroupMemberPointer', 'initializeMint2',
  ]);
  assert.deepEqual(parsed[1].info, {
    mint: mint.toBase58(), transferFeeConfigAuthority: me.toBase58(), transferFeeBasisPoints: 50, maximumFee: 9,
  });
  const shown = await info(mint);
  assert.deepEqual([shown.program, shown.type], ['spl-token-2022', 'mint']);
  const decoded = await token.getMint(connection, mint, 'confirmed', PROGRAM);
  assert.equal(shown.info.extensions.length, types.length);
  for (const { extension, state } of shown.info.extensions) {
    assert.deepEqual(state, plain(OF_MINTS[extension](decoded)), extension);
  }
}

async function changesOfExtensionsAreParsed() {
  const key = Keypair.generate();
  const mint = key.publicKey;
  const types = [Type.InterestBearingConfig, Type.MetadataPointer, Type.TransferFeeConfig];
  await sent(
    [
      create(key, token.getMintLen(types)),
      token.createInitializeInterestBearingMintInstruction(mint, me, 500, PROGRAM),
      token.createInitializeMetadataPointerInstruction(mint, me, mint, PROGRAM),
      token.createInitializeTransferFeeConfigInstruction(mint, me, me, 1_000, 50n, PROGRAM),
      token.createInitializeMint2Instruction(mint, 2, me, null, PROGRAM),
    ],
    key,
  );
  const own = token.getAssociatedTokenAddressSync(mint, me, false, PROGRAM);
  const his = token.getAssociatedTokenAddressSync(mint, address, true, PROGRAM);
  const parsed = await sent([
    token.createUpdateRateInterestBearingMintInstruction(mint, me, 700, [], PROGRAM),
    token.createUpdateMetadataPointerInstruction(mint, me, address, [], PROGRAM),
    token.createSetTransferFeeInstruction(mint, me, [], 2_000, 60n, PROGRAM),
    token.createAssociatedTokenAccountInstruction(me, own, me, mint, PROGRAM),
    token.createAssociatedTokenAccountIdempotentInstruction(me, his, address, mint, PROGRAM),
    token.createReallocateInstruction(own, me, [Type.MemoTransfer, Type.CpiGuard], me, [], PROGRAM),
    token.createEnableCpiGuardInstruction(own, me, [], PROGRAM),
    token.createEnableRequiredMemoTransfersInstruction(own, me, [], PROGRAM),
    token.createMintToInstruction(mint, own, me, 1_000n, [], PROGRAM),
    token.createTransferCheckedWithFeeInstruction(own, mint, his, me, 100n, 2, 10n, [], PROGRAM),
    token.createHarvestWithheldTokensToMintInstruction(mint, [his], PROGRAM),
    token.createWithdrawWithheldTokensFromMintInstruction(mint, his, me, [], PROGRAM),
    token.createAmountToUiAmountInstruction(mint, 100n, PROGRAM),
  ]);
  const by = Object.fromEntries(parsed.map(({ type, info: fields }) => [type, fields]));
  const [m, o, h, w] = [mint, own, his, me].map((one) => one.toBase58());
  // This builder lists the authority twice, which reads as a multisig with one signer.
  assert.deepEqual(by.updateInterestBearingConfigRate, { mint: m, multisigRateAuthority: w, signers: [w], newRate: 700 });
  assert.deepEqual(by.updateMetadataPointer, { mint: m, authority: w, metadataAddress: address.toBase58() });
  assert.deepEqual(by.setTransferFee, {
    mint: m, transferFeeConfigAuthority: w, transferFeeBasisPoints: 2_000, maximumFee: 60,
  });
  assert.deepEqual(by.getAccountDataSize, { mint: m, extensionTypes: ['immutableOwner'] });
  assert.deepEqual(by.reallocate, {
    account: o, payer: w, systemProgram: SystemProgram.programId.toBase58(), owner: w,
    extensionTypes: ['memoTransfer', 'cpiGuard'],
  });
  assert.deepEqual(by.enableCpiGuard, { account: o, owner: w });
  assert.deepEqual(by.enableRequiredMemoTransfers, { account: o, owner: w });
  const amount = (units, text) => ({ amount: String(units), decimals: 2, uiAmount: Number(text), uiAmountString: text });
  assert.deepEqual(by.transferCheckedWithFee, {
    source: o, mint: m, destination: h, authority: w, tokenAmount: amount(100, '1'), feeAmount: amount(10, '0.1'),
  });
  assert.deepEqual(by.harvestWithheldTokensToMint, { mint: m, sourceAccounts: [h] });
  assert.deepEqual(by.withdrawWithheldTokensFromMint, { mint: m, feeRecipient: h, withdrawWithheldAuthority: w });
  assert.deepEqual(by.amountToUiAmount, { mint: m, amount: '100' });
  const account = await token.getAccount(connection, own, 'confirmed', PROGRAM);
  assert.deepEqual((await info(own)).info.extensions, [
    { extension: 'immutableOwner' },
    { extension: 'transferFeeAmount', state: plain(token.getTransferFeeAmount(account)) },
    { extension: 'cpiGuard', state: plain(token.getCpiGuard(account)) },
    { extension: 'memoTransfer', state: plain(token.getMemoTransfer(account)) },
  ]);
}

async function metadataAreAsTheirDecoderSays() {
  const mint = Keypair.generate();
  const parsed = await sent(
    [
      create(mint, token.getMintLen([Type.MetadataPointer])),
      token.createInitializeMetadataPointerInstruction(mint.publicKey, me, mint.publicKey, PROGRAM),
      token.createInitializeMint2Instruction(mint.publicKey, 0, me, null, PROGRAM),
    ],
    mint,
  );
  assert.deepEqual(names(parsed), ['createAccount', 'initializeMetadataPointer', 'initializeMint2']);
  const on = [connection, wallet, mint.publicKey];
  await token.tokenMetadataInitializeWithRentTransfer(...on, me, wallet, 'Adä', 'ADA', 'u:');
  const added = await token.tokenMetadataUpdateFieldWithRentTransfer(...on, wallet, 'color', 'red');
  const { transaction } = await connection.getParsedTransaction(added, 'confirmed');
  const { parsed: update } = transaction.message.instructions.at(-1);
  assert.deepEqual(update, {
    type: 'updateTokenMetadataField',
    info: { metadata: mint.publicKey.toBase58(), updateAuthority: me.toBase58(), field: 'color', value: 'red' },
  });
  const decoded = await token.getTokenMetadata(connection, mint.publicKey, 'confirmed', PROGRAM);
  const { state } = (await info(mint.publicKey)).info.extensions.find(({ extension }) => extension === 'tokenMetadata');
  assert.deepEqual(state, { ...plain(decoded), additionalMetadata: decoded.additionalMetadata });
  assert.deepEqual(state.additionalMetadata, [['color', 'red']]);
}

async function multisigsAreAsTheirDecoderSays() {
  const key = Keypair.generate();
  const signers = [PublicKey.unique(), PublicKey.unique()];
  const parsed = await sent(
    [
      create(key, token.MULTISIG_SIZE),
      token.createInitializeMultisigInstruction(key.publicKey, signers, 2, PROGRAM),
    ],
    key,
  );
  const texts = signers.map((one) => one.toBase58());
  assert.deepEqual(parsed[1].info.signers, texts);
  const decoded = await token.getMultisig(connection, key.publicKey, 'confirmed', PROGRAM);
  assert.deepEqual((await info(key.publicKey)).info, {
    numRequiredSigners: decoded.m, numValidSigners: decoded.n, isInitialized: true, signers: texts,
  });
}

async function stakeAndLookUpTablesAreParsed() {
  const stake = Keypair.generate();
  const slot = await connection.getSlot('finalized');
  const [make, table] = AddressLookupTableProgram.createLookupTable({ authority: me, payer: me, recentSlot: slot });
  const parsed = await sent(
    [
      ...StakeProgram.createAccount({
        fromPubkey: me,
        stakePubkey: stake.publicKey,
        authorized: new Authorized(me, address),
        lockup: new Lockup(0, 7, me),
        lamports: 2 * SOL,
      }).instructions,
      make,
      AddressLookupTableProgram.extendLookupTable({ lookupTable: table, authority: me, payer: me, addresses: [address] }),
    ],
    stake,
  );
  const [s, w] = [stake.publicKey, me].map((one) => one.toBase58());
  const lockup = { unixTimestamp: 0, epoch: 7, custodian: w };
  const initialize = parsed.find(({ type }) => type === 'initialize');
  assert.deepEqual([initialize.program, initialize.info.stakeAccount], ['stake', s]);
  assert.deepEqual(initialize.info.lockup, lockup);
  const extend = parsed.find(({ type }) => type === 'extendLookupTable');
  assert.deepEqual([extend.program, extend.info.newAddresses], ['address-lookup-table', [address.toBase58()]]);
  const { meta } = (await info(stake.publicKey)).info;
  assert.deepEqual(meta.lockup, lockup);
  assert.deepEqual(meta.authorized, { staker: w, withdrawer: address.toBase58() });
  const { value } = await connection.getAddressLookupTable(table);
  const shown = await info(table);
  assert.deepEqual([shown.type, shown.info.addresses], ['lookupTable', plain(value.state.addresses).map(plain)]);
  assert.equal(shown.info.deactivationSlot, String(value.state.deactivationSlot));
  assert.equal(shown.info.authority, w);
}

await run(
  [
    theFaucetPays,
    extensionsOfAMintAreAsItsDecodersSay,
    changesOfExtensionsAreParsed,
    metadataAreAsTheirDecoderSays,
    multisigsAreAsTheirDecoderSays,
    stakeAndLookUpTablesAreParsed,
  ],
  session,
);
