// What both sessions share: they run named steps in order and report each on stdout, one JSON object a line.
import assert from 'node:assert/strict';

export const SOL = 1_000_000_000;
export const FEE = 5_000;

/** The two addresses on the command line: JSON-RPC and PubSub. */
export function endpoints() {
  const [rpcUrl, wsUrl] = process.argv.slice(2);
  assert.ok(rpcUrl && wsUrl, 'usage: node SESSION.mjs RPC_URL WS_URL');
  return { rpcUrl, wsUrl };
}

/**
 * Run the steps (functions, told by their names) on one session object; a failure ends the process with 1: at once, or,
 * if the steps are independent of each other but for the first, after the last step.
 */
export async function run(steps, session, { independent = false } = {}) {
  report({ planned: steps.map((step) => step.name) });
  let failures = 0;
  for (const step of steps) {
    try {
      await step(session);
      report({ done: step.name });
    } catch (error) {
      report({ failed: step.name });
      console.error(`step ${step.name} failed:`, error);
      failures += 1;
      if (!independent || step === steps[0]) break;
    }
  }
  // Clients keep their sockets open for later; nothing comes later.
  process.exit(failures === 0 ? 0 : 1);
}

function report(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** Let slots pass at once on the local validator: one of its own methods, which no client knows. */
export async function warpSlots(rpcUrl, slots) {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'localnet_warpSlots', params: [slots] });
  const answer = await fetch(rpcUrl, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  const { result } = await answer.json();
  assert.ok(result.blockHeight > slots);
}

/** The value of a promise, or an error after 15 minutes: only a hang takes as long. */
export function within(promise, what) {
  const late = new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`waited too long for ${what}`)), 900_000);
  });
  return Promise.race([promise, late]);
}

/** Ask again and again until the answer fits. */
export async function until(ask, fits, what) {
  return within(
    (async () => {
      for (;;) {
        const answer = await ask();
        if (fits(answer)) return answer;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })(),
    what,
  );
}

/** A signature as text; public keys and signatures are written alike. */
export function base58(bytes) {
  const digits = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
  let number = BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
  let text = '';
  for (; number > 0n; number /= 58n) text = digits[Number(number % 58n)] + text;
  for (const byte of bytes) {
    if (byte !== 0) break;
    text = `1${text}`;
  }
  return text;
}
