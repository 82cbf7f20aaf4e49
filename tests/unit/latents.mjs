// z of a seed in JavaScript, with 32-bit integers and doubles alone: the proof that any language can repeat it.
// node latents.mjs '[{"seed": 17, "z_dim": 100, "distribution": "uniform", "stream": 0}]' prints the numbers as JSON.

const multiply = (a, b) => { // 32 x 32 bits -> [high, low], in 16-bit halves
  const [a1, a0, b1, b0] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff]
  const middle = a1 * b0 + ((a0 * b0) >>> 16)
  const other = a0 * b1 + (middle & 0xffff)
  return [(a1 * b1 + Math.floor(middle / 65536) + Math.floor(other / 65536)) >>> 0, Math.imul(a, b) >>> 0]
}

const philox = ([a, b, c, d], [key0, key1]) => {
  for (let round = 0; round < 10; round++) {
    const [p1, p0] = multiply(0xd2511f53, a)
    const [q1, q0] = multiply(0xcd9e8d57, c);
    [a, b, c, d] = [(q1 ^ b ^ key0) >>> 0, q0, (p1 ^ d ^ key1) >>> 0, p0]
    key0 = (key0 + 0x9e3779b9) >>> 0
    key1 = (key1 + 0xbb67ae85) >>> 0
  }
  return [a, b, c, d]
}

const draw = ({ seed, z_dim, distribution, stream }) => {
  const key = [seed % 2 ** 32, Math.floor(seed / 2 ** 32)]
  const u = []
  for (let i = 0; u.length < z_dim; i++) u.push(...philox([i, stream, 0, 0], key).map((word) => (word + 0.5) / 2 ** 32))
  const z = distribution === "uniform" ? u.map((value) => 2 * value - 1) : u.map((_, i) => {
    const [radius, angle] = [Math.sqrt(-2 * Math.log(u[i - (i % 2)])), 2 * Math.PI * u[i - (i % 2) + 1]]
    return radius * (i % 2 ? Math.sin(angle) : Math.cos(angle))
  })
  return z.slice(0, z_dim).map(Math.fround)
}

console.log(JSON.stringify(JSON.parse(process.argv[2]).map(draw)))
