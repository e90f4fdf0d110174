import Foundation

/// A GGUF file as large as Llama-3-8B and of its shape, with random weights in Q4_0. It learns nothing and answers
/// nonsense, but costs what an 8B model costs.
struct LargeModel {
  static let shape = ModelShape(
    hidden: 4096, intermediate: 14336, heads: 32, keyHeads: 8, headDimension: 128, vocabulary: 128256,
    windows: Array(repeating: nil, count: 32))

  /// Another model's metadata: its tokenizer is taken over.
  let header: GGUFHeader

  init(tokenizerFrom header: GGUFHeader) { self.header = header }

  private struct Tensor {
    var name: String
    /// The first dimension varies fastest.
    var dimensions: [Int]
    var isQuantized: Bool { dimensions.count == 2 }
    /// Q4_0 has 32 weights in 18 bytes: a half-precision scale, then nibbles of which 8 stands for zero.
    var bytes: Int { isQuantized ? dimensions[0] * dimensions[1] / 32 * 18 : dimensions[0] * 4 }
  }

  private static let alignment = 32

  private static var tensors: [Tensor] {
    let s = shape
    let keys = s.keyHeads * s.headDimension
    let layers = (0..<s.layers).flatMap { layer in
      [
        ("attn_norm", [s.hidden]), ("attn_q", [s.hidden, s.hidden]), ("attn_k", [s.hidden, keys]),
        ("attn_v", [s.hidden, keys]), ("attn_output", [s.hidden, s.hidden]), ("ffn_norm", [s.hidden]),
        ("ffn_gate", [s.hidden, s.intermediate]), ("ffn_up", [s.hidden, s.intermediate]),
        ("ffn_down", [s.intermediate, s.hidden]),
      ].map { Tensor(name: "blk.\(layer).\($0.0).weight", dimensions: $0.1) }
    }
    let embedding = Tensor(name: "token_embd.weight", dimensions: [s.hidden, s.vocabulary])
    let head = Tensor(name: "output.weight", dimensions: [s.hidden, s.vocabulary])
    return [embedding] + layers + [Tensor(name: "output_norm.weight", dimensions: [s.hidden]), head]
  }

  /// Size of the file, nearly.
  var bytes: Int { Self.tensors.reduce(4 << 20) { $0 + $1.bytes } }

  func write(to path: String) throws {
    _ = FileManager.default.createFile(atPath: path, contents: nil)
    guard let file = FileHandle(forWritingAtPath: path) else { throw Failure("cannot write \(path)") }
    defer { try? file.close() }
    var head = try encodedHeader()
    head.append(Data(count: padding(head.count)))
    try file.write(contentsOf: head)
    var generator = SplitMix64(state: 8)
    let pool = Self.pool(blocks: 1 << 20, &generator)
    let ones = withUnsafeBytes(of: Float(1).bitPattern.littleEndian) { Data($0) }
    for tensor in Self.tensors {
      if tensor.isQuantized {
        var left = tensor.bytes
        while left > 0 {
          // Each run starts at another block of the pool, so that no two rows are alike.
          let start = Int(generator.next() % (1 << 19)) * 18
          let run = min(left, pool.count - start)
          try file.write(contentsOf: pool[start..<start + run])
          left -= run
        }
      } else {
        try file.write(contentsOf: Data((0..<tensor.dimensions[0]).flatMap { _ in ones }))
      }
      try file.write(contentsOf: Data(count: padding(tensor.bytes)))
    }
  }

  private func padding(_ count: Int) -> Int { (Self.alignment - count % Self.alignment) % Self.alignment }

  /// Blocks whose weights vary by about 1/√4096, as trained ones do, so that activations stay in bounds.
  private static func pool(blocks: Int, _ generator: inout SplitMix64) -> Data {
    var data = Data(capacity: blocks * 18)
    // Uniform nibbles around 8 have a standard deviation of 4.6.
    let scale = 1 / 64 / 4.6 as Float
    for _ in 0..<blocks {
      let words = (generator.next(), generator.next())
      let varied = scale * (0.75 + 0.5 * Float(words.0 >> 56) / 255)
      withUnsafeBytes(of: Self.half(varied).littleEndian) { data.append(contentsOf: $0) }
      withUnsafeBytes(of: words.0) { data.append(contentsOf: $0) }
      withUnsafeBytes(of: words.1) { data.append(contentsOf: $0) }
    }
    return data
  }

  /// A positive number in the range of normal half-precision numbers, its last bits cut off.
  private static func half(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    return UInt16((bits >> 23) - 112) << 10 | UInt16(bits >> 13 & 0x3FF)
  }
}

/// SplitMix64 (Steele, Lea and Flood 2014).
struct SplitMix64 {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

// MARK: - Header

extension LargeModel {
  private func encodedHeader() throws -> Data {
    let s = Self.shape
    var values: [Data] = [
      Self.entry("general.architecture", text: "llama"), Self.entry("general.alignment", number: Self.alignment),
      Self.entry("llama.context_length", number: 8192), Self.entry("llama.embedding_length", number: s.hidden),
      Self.entry("llama.block_count", number: s.layers),
      Self.entry("llama.feed_forward_length", number: s.intermediate),
      Self.entry("llama.attention.head_count", number: s.heads),
      Self.entry("llama.attention.head_count_kv", number: s.keyHeads),
      Self.entry("llama.rope.dimension_count", number: s.headDimension),
      Self.entry("llama.attention.layer_norm_rms_epsilon", decimal: 1e-5),
      Self.entry("llama.rope.freq_base", decimal: 500_000),
    ]
    for (key, value) in header.values where key.hasPrefix("tokenizer.") {
      values.append(Self.text(key) + Self.integer(value.type) + (try padded(key, value)))
    }
    var infos = Data()
    var offset: UInt64 = 0
    for tensor in Self.tensors {
      infos += Self.text(tensor.name) + Self.integer(UInt32(tensor.dimensions.count))
      for size in tensor.dimensions { infos += Self.integer(UInt64(size)) }
      // 0 is F32, 2 is Q4_0.
      infos += Self.integer(UInt32(tensor.isQuantized ? 2 : 0)) + Self.integer(offset)
      offset += UInt64(tensor.bytes + padding(tensor.bytes))
    }
    let start = Self.integer(UInt32(0x4655_4747)) + Self.integer(UInt32(3))
    let counts = Self.integer(UInt64(Self.tensors.count)) + Self.integer(UInt64(values.count))
    return start + counts + values.reduce(Data(), +) + infos
  }

  /// The value for a larger vocabulary: what is beyond the tokenizer's own tokens is unused.
  private func padded(_ key: String, _ value: GGUFHeader.Value) throws -> Data {
    let element: (Int) -> Data
    switch key {
    case "tokenizer.ggml.tokens": element = { Self.text("<|unused_\($0)|>") }
    // Unused, as GGUF numbers it.
    case "tokenizer.ggml.token_type": element = { _ in Self.integer(UInt32(5)) }
    case "tokenizer.ggml.scores": element = { _ in Self.integer(UInt32(0)) }
    default: return value.bytes
    }
    let length = try header.arrayLength(key)
    guard length <= Self.shape.vocabulary else {
      throw Failure("\(header.path): a vocabulary of \(length) tokens, expected at most \(Self.shape.vocabulary)")
    }
    let more = (length..<Self.shape.vocabulary).reduce(into: Data()) { $0 += element($1) }
    return value.bytes.prefix(4) + Self.integer(UInt64(Self.shape.vocabulary)) + value.bytes.dropFirst(12) + more
  }

  private static func integer<Number: FixedWidthInteger>(_ number: Number) -> Data {
    withUnsafeBytes(of: number.littleEndian) { Data($0) }
  }

  private static func text(_ text: String) -> Data { integer(UInt64(text.utf8.count)) + Data(text.utf8) }

  private static func entry(_ key: String, text value: String) -> Data {
    text(key) + integer(GGUFHeader.stringType) + text(value)
  }

  private static func entry(_ key: String, number: Int) -> Data {
    text(key) + integer(UInt32(4)) + integer(UInt32(number))
  }

  private static func entry(_ key: String, decimal: Float) -> Data {
    text(key) + integer(UInt32(6)) + integer(decimal.bitPattern)
  }
}
