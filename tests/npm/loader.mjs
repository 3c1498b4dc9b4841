// @solana/web3.js deploys, upgrades, extends and closes a program on `psyche-cli localnet`: the authorizer stand-in.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import {
  Connection,
  Keypair,
  PublicKey,
  SYSVAR_CLOCK_PUBKEY,
  SYSVAR_RENT_PUBKEY,
  SystemProgram,
  Transaction,
  TransactionInstruction,
  sendAndConfirmTransaction,
} from '@solana/web3.js';
import { FEE, SOL, endpoints, run } from './session.mjs';

const { rpcUrl, wsUrl } = endpoints();
const LOADER = new PublicKey('BPFLoaderUpgradeab1e11111111111111111111111');
const AUTHORIZER = new URL('../../psyche_cli/localnet/programs/authorizer.so', import.meta.url);
const HEADER = 45;
const CHUNK = 900;
const EXTENSION = 10_240; // the least of later versions
const REFUSAL = 'The declared program id does not match the actual program id';

const connection = new Connection(rpcUrl, { commitment: 'confirmed', wsEndpoint: wsUrl });
const [wallet, program, other] = [Keypair.generate(), Keypair.generate(), Keypair.generate()];
const [programData] = PublicKey.findProgramAddressSync([program.publicKey.toBuffer()], LOADER);
const session = { code: Buffer.alloc(0) };

const writable = (pubkey) => ({ pubkey, isSigner: false, isWritable: true });
const readonly = (pubkey) => ({ pubkey, isSigner: false, isWritable: false });
const signer = (pubkey) => ({ pubkey, isSigner: true, isWritable: false });
const me = { pubkey: wallet.publicKey, isSigner: true, isWritable: true };

/** An instruction of the upgradeable loader: its number, arguments, accounts. */
function loader(number, words, ...keys) {
  const tag = Buffer.alloc(4);
  tag.writeUInt32LE(number);
  return new TransactionInstruction({ programId: LOADER, keys, data: Buffer.concat([tag, ...words]) });
}

function u32(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

const send = (instructions, ...signers) =>
  sendAndConfirmTransaction(connection, new Transaction().add(...instructions), [wallet, ...signers]);

async function create(account, space) {
  const lamports = await connection.getMinimumBalanceForRentExemption(space);
  const newAccountPubkey = account.publicKey;
  return SystemProgram.createAccount({
    fromPubkey: wallet.publicKey, newAccountPubkey, lamports, space, programId: LOADER,
  });
}

/** A new buffer with the code, written in many transactions at once. */
async function buffer(code) {
  const account = Keypair.generate();
  const initialize = loader(0, [], writable(account.publicKey), readonly(wallet.publicKey));
  await send([await create(account, 37 + code.length), initialize], account);
  const writes = [];
  for (let offset = 0; offset < code.length; offset += CHUNK) {
    const chunk = code.subarray(offset, offset + CHUNK);
    const words = [u32(offset), u64(chunk.length), chunk];
    writes.push(send([loader(1, words, writable(account.publicKey), signer(wallet.publicKey))]));
  }
  await Promise.all(writes);
  const { data } = await connection.getAccountInfo(account.publicKey);
  assert.ok(data.subarray(37).equals(code));
  return account.publicKey;
}

const upgrade = (from) =>
  loader(
    3, [], writable(programData), writable(program.publicKey), writable(from), writable(wallet.publicKey),
    readonly(SYSVAR_RENT_PUBKEY), readonly(SYSVAR_CLOCK_PUBKEY), signer(wallet.publicKey),
  );

/** The logs of an invocation, which the stand-in refuses at any address but its own. */
async function logs() {
  const { blockhash } = await connection.getLatestBlockhash();
  const transaction = new Transaction({ feePayer: wallet.publicKey, recentBlockhash: blockhash });
  transaction.add(new TransactionInstruction({ programId: program.publicKey, keys: [me], data: Buffer.alloc(8) }));
  const { value } = await connection.simulateTransaction(transaction, [wallet]);
  assert.notEqual(value.err, null);
  return value.logs.join('\n');
}

async function theAuthorizerIsDeployed() {
  await connection.confirmTransaction(await connection.requestAirdrop(wallet.publicKey, 100 * SOL));
  session.code = await readFile(AUTHORIZER);
  const from = await buffer(session.code);
  const deploy = loader(
    2, [u64(session.code.length)],
    me, writable(programData), writable(program.publicKey), writable(from),
    readonly(SYSVAR_RENT_PUBKEY), readonly(SYSVAR_CLOCK_PUBKEY), readonly(SystemProgram.programId),
    signer(wallet.publicKey),
  );
  await send([await create(program, 36), deploy], program);
  const { executable, data } = await connection.getAccountInfo(program.publicKey);
  assert.ok(executable);
  assert.ok(data.subarray(4).equals(programData.toBuffer()));
  assert.equal(await connection.getAccountInfo(from), null);
  assert.match(await logs(), new RegExp(REFUSAL));
}

async function theAuthorityIsShown() {
  const { value } = await connection.getParsedAccountInfo(programData);
  assert.equal(value.data.parsed.info.authority, wallet.publicKey.toBase58());
  const found = await connection.getProgramAccounts(LOADER, { filters: [{ memcmp: { offset: 13, bytes: wallet.publicKey.toBase58() } }] });
  assert.deepEqual(found.map(({ pubkey }) => pubkey.toBase58()), [programData.toBase58()]);
}

/** The same program with another sentence, upgraded right after the deployment. */
async function theUpgradedCodeRuns() {
  const at = session.code.indexOf(REFUSAL);
  assert.ok(at > 0);
  const changed = Buffer.from(session.code);
  changed.write(REFUSAL.toUpperCase(), at);
  await send([upgrade(await buffer(changed))]);
  assert.match(await logs(), new RegExp(REFUSAL.toUpperCase()));
  const { data } = await connection.getAccountInfo(programData);
  assert.ok(data.subarray(HEADER).equals(changed));
}

async function theProgramIsExtended() {
  const longer = Buffer.concat([session.code, Buffer.alloc(EXTENSION)]);
  const from = await buffer(longer);
  await assert.rejects(send([upgrade(from)]), /account data too small for instruction/);
  const accounts = [writable(programData), writable(program.publicKey), readonly(SystemProgram.programId), me];
  await send([loader(6, [u32(EXTENSION)], ...accounts)]);
  await send([upgrade(from)]);
  assert.match(await logs(), new RegExp(REFUSAL));
  assert.equal((await connection.getAccountInfo(programData)).data.length, HEADER + longer.length);
}

async function theAuthorityChanges() {
  const keys = [writable(programData), signer(wallet.publicKey), readonly(other.publicKey)];
  await send([loader(4, [], ...keys)]);
  const from = await buffer(session.code);
  await assert.rejects(send([upgrade(from)]), /Incorrect authority provided/);
  await send([loader(4, [], writable(programData), signer(other.publicKey), readonly(wallet.publicKey))], other);
  await send([upgrade(from)]);
}

async function theProgramIsClosed() {
  const before = await connection.getBalance(wallet.publicKey);
  const rent = await connection.getBalance(programData);
  const keys = [writable(programData), writable(wallet.publicKey), signer(wallet.publicKey), writable(program.publicKey)];
  await send([loader(5, [], ...keys)]);
  assert.equal(await connection.getBalance(wallet.publicKey), before + rent - FEE);
  assert.equal(await connection.getAccountInfo(programData), null);
  assert.match(await logs(), /Program is not deployed/);
}

await run(
  [
    theAuthorizerIsDeployed,
    theAuthorityIsShown,
    theUpgradedCodeRuns,
    theProgramIsExtended,
    theAuthorityChanges,
    theProgramIsClosed,
  ],
  session,
);
