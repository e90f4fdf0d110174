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

/// A Llama by plain loops in double precision, one sequence at a time; nothing in common with the kernels.
struct ReferenceLlama {
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
    var stream = tokens.map { Array(embedding[Int($0) * width..<(Int($0) + 1) * width]) }
    for layer in 0..<shape.layers {
      let prefix = "model.layers.\(layer)."
      let first = stream.map { norm($0, vector(prefix + "input_layernorm")) }
      let attended = attention(
        queries: first.map { linear($0, prefix + "self_attn.q_proj") },
        keys: first.map { linear($0, prefix + "self_attn.k_proj") },
        values: first.map { linear($0, prefix + "self_attn.v_proj") })
      stream = zip(stream, attended).map { sum($0, linear($1, prefix + "self_attn.o_proj")) }
      stream = stream.map { row in
        let second = norm(row, vector(prefix + "post_attention_layernorm"))
        let gate = linear(second, prefix + "mlp.gate_proj").map { $0 / (1 + exp(-$0)) }
        let up = linear(second, prefix + "mlp.up_proj")
        return sum(row, linear(zip(gate, up).map { $0 * $1 }, prefix + "mlp.down_proj"))
      }
    }
    let head = shape.tiedHead ? "model.embed_tokens" : "lm_head"
    return stream.map { linear(norm($0, vector("model.norm")), head) }
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

  private func norm(_ x: [Double], _ weight: [Double]) -> [Double] {
    let square = x.reduce(0) { $0 + $1 * $1 } / Double(x.count)
    return zip(x, weight).map { $0 * $1 / (square + Double(Float(shape.normEpsilon))).squareRoot() }
  }

  private func linear(_ x: [Double], _ name: String) -> [Double] {
    let y = product(vector(name), x)
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

  /// θ^(−2i/d), and for Llama 3.1 the stretching of its reference code: by wavelength in units of the old context.
  private var frequencies: [Double] {
    (0..<shape.headDimension / 2).map { index in
      let plain = pow(shape.rotaryBase, -2 * Double(index) / Double(shape.headDimension))
      guard case .llama3(let factor, let low, let high, let original) = shape.rotaryScaling else { return plain }
      let turns = original * plain / (2 * Double.pi)
      let smooth = min(1, max(0, (turns - low) / (high - low)))
      return plain * (smooth + (1 - smooth) / factor)
    }
  }

  private func rotated(_ x: [Double], position: Int) -> [Double] {
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

  private func attention(queries: [[Double]], keys: [[Double]], values: [[Double]]) -> [[Double]] {
    let size = shape.headDimension
    let keys = keys.enumerated().map { rotated($1, position: $0) }
    return queries.enumerated().map { position, query in
      let query = rotated(query, position: position)
      var output = [Double](repeating: 0, count: query.count)
      for head in 0..<shape.heads {
        let start = head / (shape.heads / shape.keyHeads) * size
        let scores = (0...position).map { row in
          (0..<size).reduce(0.0) { $0 + query[head * size + $1] * keys[row][start + $1] } / Double(size).squareRoot()
        }
        let total = scores.reduce(0) { $0 + exp($1) }
        for (row, score) in scores.enumerated() {
          for entry in 0..<size { output[head * size + entry] += exp(score) / total * values[row][start + entry] }
        }
      }
      return output
    }
  }
}
