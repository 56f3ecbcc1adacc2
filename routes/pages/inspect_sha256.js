/** SHA-256 of a text's UTF-8, in hexadecimal. */
export async function sha256(text) {
  const bytes = new TextEncoder().encode(text);
  // Browsers have it on pages from https and from the machine itself alone.
  const digest = crypto.subtle
    ? new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))
    : plainSha256(bytes);
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The same as FIPS 180-4 writes it down. */
function plainSha256(bytes) {
  const padded = new Uint8Array((bytes.length + 8 >> 6) + 1 << 6);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, bytes.length / 2 ** 29);
  view.setUint32(padded.length - 4, bytes.length << 3);

  const primes = firstPrimes(64);
  const constants = primes.map((prime) => fractionOf(Math.cbrt(prime)));
  const state = primes.slice(0, 8).map((prime) => fractionOf(Math.sqrt(prime)));
  const words = new Int32Array(64);
  for (let block = 0; block < padded.length; block += 64) {
    for (let i = 0; i < 64; i++) {
      words[i] = i < 16 ? view.getInt32(block + 4 * i) : words[i - 16] + words[i - 7] +
        (turned(words[i - 15], 7) ^ turned(words[i - 15], 18) ^ words[i - 15] >>> 3) +
        (turned(words[i - 2], 17) ^ turned(words[i - 2], 19) ^ words[i - 2] >>> 10);
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let i = 0; i < 64; i++) {
      const one = h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + (e & f ^ ~e & g) +
        constants[i] + words[i];
      const two = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + (a & b ^ a & c ^ b & c);
      [a, b, c, d, e, f, g, h] = [one + two | 0, a, b, c, d + one | 0, e, f, g];
    }
    [a, b, c, d, e, f, g, h].forEach((value, i) => state[i] = state[i] + value | 0);
  }
  const digest = new DataView(new ArrayBuffer(32));
  state.forEach((word, i) => digest.setInt32(4 * i, word));
  return new Uint8Array(digest.buffer);
}

function firstPrimes(count) {
  const primes = [];
  for (let n = 2; primes.length < count; n++) {
    if (primes.every((prime) => n % prime !== 0)) primes.push(n);
  }
  return primes;
}

/** The first 32 bits after the point. */
function fractionOf(number) {
  return (number % 1) * 2 ** 32 | 0;
}

function turned(word, by) {
  return word >>> by | word << 32 - by;
}
