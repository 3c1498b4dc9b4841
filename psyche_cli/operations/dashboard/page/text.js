// Numbers, amounts, durations and times as text.

const WHOLE = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const MINUS = "−";

// A JSON document. Amounts and integers beyond 2^53 keep their exact digits, as strings.
function parsed(json) {
  return JSON.parse(json, (key, value, context) => {
    if (typeof value !== "number" || context === undefined) return value;
    return key === "amount" || (Number.isInteger(value) && !Number.isSafeInteger(value)) ? context.source : value;
  });
}

function isNumber(value) {
  return typeof value === "number" && Number.isFinite(value);
}

function whole(value) {
  if (value === null || value === undefined) return "unknown";
  return typeof value === "string" ? grouped(value) : WHOLE.format(value);
}

// Exact digits with thousands separators: 1234567.50 -> 1,234,567.5
function grouped(digits) {
  const [integer, fraction = ""] = String(digits).split(".");
  if (!/^-?\d+$/.test(integer)) return String(digits);
  const rest = fraction.replace(/0+$/, "");
  return integer.replace(/\B(?=(\d{3})+$)/g, ",") + (rest ? "." + rest : "");
}

function amount(value) {
  return value === null || value === undefined ? "unknown" : grouped(value.amount);
}

// A measured value with up to 4 significant digits: 0.0003, 2.318, 12.5k, 1.87M
function measured(value) {
  if (!isNumber(value)) return "not a number";
  const size = Math.abs(value);
  if (size === 0) return "0";
  for (const [power, letter] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e4, "k"]]) {
    if (size >= power) {
      const unit = letter === "k" ? 1e3 : power;
      return trimmed((value / unit).toPrecision(size / unit >= 1000 ? 4 : 3)) + letter;
    }
  }
  if (size < 1e-3) return value.toExponential(2).replace(/\.?0+e/, "e").replace("-", MINUS);
  return trimmed(value.toPrecision(4));
}

function trimmed(text) {
  const plain = text.includes("e") ? String(Number(text)) : text;
  return (plain.includes(".") ? plain.replace(/\.?0+$/, "") : plain).replace("-", MINUS);
}

function percent(part, all) {
  return all > 0 ? (Math.floor((1000 * part) / all) / 10).toFixed(1) + "%" : "0.0%";
}

// 45s, 3m20s, 2h14m, 5d3h
function duration(seconds) {
  const left = Math.max(0, Math.round(seconds));
  for (const [size, big, next, small] of [[86400, "d", 3600, "h"], [3600, "h", 60, "m"], [60, "m", 1, "s"]]) {
    if (left >= size) {
      const rest = Math.floor((left % size) / next);
      return Math.floor(left / size) + big + (rest ? rest + small : "");
    }
  }
  return left + "s";
}

// 0:09, 12:05, 3:00:09
function countdown(seconds) {
  const left = Math.max(0, Math.round(seconds));
  const [hours, minutes, rest] = [Math.floor(left / 3600), Math.floor((left % 3600) / 60), left % 60];
  const two = (value) => String(value).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

function ago(time, now) {
  const seconds = now - time;
  if (Math.abs(seconds) < 1) return "now";
  return seconds > 0 ? duration(seconds) + " ago" : "in " + duration(-seconds);
}

function two(value) {
  return String(value).padStart(2, "0");
}

function dateOf(time) {
  const at = new Date(1000 * time);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

function clockOf(time) {
  const at = new Date(1000 * time);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

// In the reader's time zone; the date is left out if it is that of `now`.
function local(time, now) {
  return dateOf(time) === dateOf(now) ? clockOf(time) : `${dateOf(time)} ${clockOf(time)}`;
}

function utc(time) {
  return new Date(1000 * time).toISOString().slice(0, 19).replace("T", " ") + " UTC";
}

function counted(number, one, many = one + "s") {
  return `${whole(number)} ${number === 1 ? one : many}`;
}

// The beginning and the end of an address or a signature.
function shortened(address) {
  return address.length > 13 ? `${address.slice(0, 6)}…${address.slice(-4)}` : address;
}

// Text of strangers: without characters that are invisible, or change the direction of what follows them, and cut if it
// is long.
function plain(text, most = 1000) {
  const visible = String(text).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]/gu, "\ufffd");
  return visible.length > most ? `${visible.slice(0, most)}… (${counted(visible.length - most, "more character")})` : visible;
}

// A name, which stands in one line with others.
function named(text) {
  return plain(text, 80);
}

const STATE_KEYS = Object.fromEntries([
  ["Uninitialized"], ["WaitingForMembers"], ["Warmup"], ["Training", "RoundTrain"], ["Witness", "RoundWitness"],
  ["Cooldown"], ["Finished"], ["Paused"],
].flatMap((names) => names.map((name) => [name.toLowerCase(), names[0]])));

// The name of a state in the machine, for any of its spellings.
function stateKey(state) {
  const name = String(state).replace(/[^A-Za-z]/g, "").toLowerCase();
  return Object.hasOwn(STATE_KEYS, name) ? STATE_KEYS[name] : String(state);
}

function stateName(state) {
  return plain(stateKey(state)).replace(/([a-z])([A-Z])/g, (_, a, b) => `${a} ${b.toLowerCase()}`);
}

// Classes of the style sheet: state-waitingformembers and so on.
function stateClass(state) {
  const key = stateKey(state).toLowerCase();
  return Object.hasOwn(STATE_KEYS, key) ? `state-${key}` : "state-unknown";
}
