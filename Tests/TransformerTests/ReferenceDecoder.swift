import Checkpoints
import Kernels
import TinyModels
import Transformer

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A decoder of any family by plain loops in double precision, one sequence at a time; nothing in common with the kernels.
struct ReferenceDecoder {
  let shape: TinyModel.Shape
  private let weights: [String: [Double]]
  /// LoRA matrices by their names in PEFT files; tests move them to take differences.
  var adapter: [String: [Double]]
  private let adapterScale: Double

  init(_ model: TinyModel, adapter: Adapter? = nil) {
    shape = model.shape
    weights = model.weights.mapValues { $0.map(Double.init) }
    let parameters = (adapter?.parameters ?? []).map { ($0.name, $0.matrix.doubles) }
    self.adapter = Dictionary(uniqueKeysWithValues: parameters)
    adapterScale = adapter.map { $0.configuration.alpha / Double($0.configuration.rank) } ?? 0
  }

  /// Logits of each position, [L][V].
  func logits(_ tokens: [Int32]) -> [[Double]] {
    let width = shape.hiddenSize
    let embedding = vector("model.embed_tokens")
    let factor = shape.isGemma ? Double(width).squareRoot() : 1
    var stream = tokens.map { embedding[Int($0) * width..<(Int($0) + 1) * width].map { $0 * factor } }
    for layer in 0..<shape.layers {
      let prefix = "model.layers.\(layer)."
      let first = stream.map { norm($0, prefix + "input_layernorm") }
      let attended = attention(
        queries: first.map { headNorms(linear($0, prefix + "self_attn.q_proj"), prefix + "self_attn.q_norm") },
        keys: first.map { headNorms(linear($0, prefix + "self_attn.k_proj"), prefix + "self_attn.k_norm") },
        values: first.map { linear($0, prefix + "self_attn.v_proj") }, layer: layer)
      stream = zip(stream, attended).map { row, attended in
        let output = linear(attended, prefix + "self_attn.o_proj")
        return sum(row, shape.isGemma ? norm(output, prefix + "post_attention_layernorm") : output)
      }
      stream = stream.map { row in
        let second = norm(row, prefix + (shape.isGemma ? "pre_feedforward_layernorm" : "post_attention_layernorm"))
        let gate = linear(second, prefix + "mlp.gate_proj").map(activated)
        let up = linear(second, prefix + "mlp.up_proj")
        let output = linear(zip(gate, up).map { $0 * $1 }, prefix + "mlp.down_proj")
        return sum(row, shape.isGemma ? norm(output, prefix + "post_feedforward_layernorm") : output)
      }
    }
    let head = shape.tiedHead ? "model.embed_tokens" : "lm_head"
    return stream.map { linear(norm($0, "model.norm"), head) }
  }

  /// −likelihood·log p − unlikelihood·log(1 − p) of each term; a term's row is a position of the sequence.
  func losses(_ tokens: [Int32], _ terms: [LossTerm]) -> [Double] {
    let logits = logits(tokens)
    return terms.map { term in
      let row = logits[term.row]
      let largest = row.max() ?? 0
      let target = exp(row[Int(term.target)] - largest)
      let others = row.indices.filter { $0 != Int(term.target) }.reduce(0.0) { $0 + exp(row[$1] - largest) }
      return -Double(term.likelihood) * log(target / (target + others))
        - Double(term.unlikelihood) * log(others / (target + others))
    }
  }

  private func vector(_ name: String) -> [Double] { weights[name + ".weight"] ?? [] }

  private func sum(_ a: [Double], _ b: [Double]) -> [Double] { zip(a, b).map { $0 + $1 } }

  private func norm(_ x: [Double], _ name: String) -> [Double] {
    let square = x.reduce(0) { $0 + $1 * $1 } / Double(x.count)
    let offset = shape.isGemma ? 1.0 : 0
    return zip(x, vector(name)).map { $0 * (offset + $1) / (square + Double(Float(shape.normEpsilon))).squareRoot() }
  }

  /// The norm of each head, where the family has one.
  private func headNorms(_ x: [Double], _ name: String) -> [Double] {
    guard shape.hasHeadNorms else { return x }
    return stride(from: 0, to: x.count, by: shape.headDimension).flatMap { start in
      norm(Array(x[start..<start + shape.headDimension]), name)
    }
  }

  /// The gate's activation.
  private func activated(_ x: Double) -> Double {
    guard shape.isGemma else { return x / (1 + exp(-x)) }
    return x / 2 * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
  }

  private func linear(_ x: [Double], _ name: String) -> [Double] {
    let y = weights[name + ".bias"].map { sum(product(vector(name), x), $0) } ?? product(vector(name), x)
    let peft = "base_model.model." + name
    guard let a = adapter[peft + ".lora_A.weight"], let b = adapter[peft + ".lora_B.weight"] else { return y }
    return zip(y, product(b, product(a, x))).map { $0 + adapterScale * $1 }
  }

  /// W·x, W row after row.
  private func product(_ matrix: [Double], _ x: [Double]) -> [Double] {
    stride(from: 0, to: matrix.count, by: x.count).map { start in
      x.indices.reduce(0) { $0 + matrix[start + $1] * x[$1] }
    }
  }

  private func slides(_ layer: Int) -> Bool {
    shape.slidingWindow != nil && (shape.family == .mistral || shape.slidingLayers[layer])
  }

  /// θ^(−2i/d), and for Llama 3.1 the stretching of its reference code: by wavelength in units of the old context.
  private func frequencies(_ layer: Int) -> [Double] {
    let isLocal = shape.isGemma && slides(layer)
    return (0..<shape.headDimension / 2).map { index in
      let base = isLocal ? shape.slidingRotaryBase : shape.rotaryBase
      let plain = pow(base, -2 * Double(index) / Double(shape.headDimension))
      if case .linear(let factor) = shape.rotaryScaling, !isLocal { return plain / factor }
      guard case .llama3(let factor, let low, let high, let original) = shape.rotaryScaling else { return plain }
      let turns = original * plain / (2 * Double.pi)
      let smooth = min(1, max(0, (turns - low) / (high - low)))
      return plain * (smooth + (1 - smooth) / factor)
    }
  }

  private func rotated(_ x: [Double], position: Int, _ frequencies: [Double]) -> [Double] {
    let half = shape.headDimension / 2
    var y = x
    for head in 0..<x.count / shape.headDimension {
      for (index, frequency) in frequencies.enumerated() {
        let first = head * shape.headDimension + index
        let angle = Double(position) * frequency
        y[first] = x[first] * cos(angle) - x[first + half] * sin(angle)
        y[first + half] = x[first + half] * cos(angle) + x[first] * sin(angle)
      }
    }
    return y
  }

  private func attention(queries: [[Double]], keys: [[Double]], values: [[Double]], layer: Int) -> [[Double]] {
    let size = shape.headDimension
    let frequencies = frequencies(layer)
    let keys = keys.enumerated().map { rotated($1, position: $0, frequencies) }
    let scaleBase = shape.isGemma ? shape.attentionScaleBase : Double(size)
    let window = slides(layer) ? shape.slidingWindow ?? .max : .max
    return queries.enumerated().map { position, query in
      let query = rotated(query, position: position, frequencies)
      let seen = max(0, position + 1 - min(window, position + 1))...position
      var output = [Double](repeating: 0, count: query.count)
      for head in 0..<shape.heads {
        let start = head / (shape.heads / shape.keyHeads) * size
        let scores = seen.map { row in
          (0..<size).reduce(0.0) { $0 + query[head * size + $1] * keys[row][start + $1] } / scaleBase.squareRoot()
        }
        let total = scores.reduce(0) { $0 + exp($1) }
        for (row, score) in zip(seen, scores) {
          for entry in 0..<size { output[head * size + entry] += exp(score) / total * values[row][start + entry] }
        }
      }
      return output
    }
  }
}
