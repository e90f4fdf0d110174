import Checkpoints
import Kernels

/// Keys and values of a run of tokens, for all layers; behind those of its parent, if it has one.
///
/// The same forest of segments as a packed layout, kept between passes: a prompt's cache is the parent of its responses'.
public final class KeyValueCache {
  let parent: KeyValueCache?
  /// Position of the first token.
  let start: Int
  /// Tokens in this run.
  public private(set) var count = 0
  private let width: Int
  private var keys: [Matrix]
  private var values: [Matrix]

  /// An empty run behind `parent`, which must not grow any more.
  public convenience init(_ configuration: ModelConfiguration, parent: KeyValueCache? = nil) {
    self.init(configuration, parent: parent, start: parent.map { $0.start + $0.count } ?? 0)
  }

  /// An empty run whose first token will stand at `start`, where the parent is filled in the same pass.
  init(_ configuration: ModelConfiguration, parent: KeyValueCache?, start: Int) {
    self.parent = parent
    self.start = start
    let width = configuration.keyHeads * configuration.headDimension
    self.width = width
    keys = (0..<configuration.layers).map { _ in Matrix(rows: 0, columns: width) }
    values = keys
  }

  private var capacity: Int { keys.first?.rows ?? 0 }

  /// Makes room for more tokens and counts them; their keys and values follow layer by layer.
  func reserve(_ more: Int) {
    count += more
    guard count > capacity else { return }
    let rows = max(count, min(2 * capacity, capacity + 256), 16)
    func grown(_ old: Matrix) -> Matrix {
      let new = Matrix(rows: rows, columns: width)
      if old.rows > 0 { Elementwise.copy(old.view, into: new.view.rows(0..<old.rows)) }
      return new
    }
    keys = keys.map(grown)
    values = values.map(grown)
  }

  /// Stores the last rows of a layer.
  func store(layer: Int, keys newKeys: MatrixView, values newValues: MatrixView) {
    let rows = count - newKeys.rows..<count
    Elementwise.copy(newKeys, into: keys[layer].view.rows(rows))
    Elementwise.copy(newValues, into: values[layer].view.rows(rows))
  }

  private func block(layer: Int) -> KeyBlock {
    KeyBlock(keys: keys[layer].view.rows(0..<count), values: values[layer].view.rows(0..<count))
  }

  func group(layer: Int, queries: Range<Int>) -> AttentionGroup {
    var ancestors: [KeyBlock] = []
    var ancestor = parent
    while let cache = ancestor {
      ancestors.append(cache.block(layer: layer))
      ancestor = cache.parent
    }
    return AttentionGroup(queries: queries, ancestors: ancestors.reversed(), own: block(layer: layer))
  }
}

extension TransformerModel {
  /// Runs tokens behind what their caches hold and adds them to the caches.
  /// - Parameter runs: caches, each at most once, with the tokens to append; a parent may stand before its children.
  /// - Returns: final-norm outputs of all tokens, run after run, [n, D].
  public func extend(_ runs: [(cache: KeyValueCache, tokens: [Int32])]) -> Matrix {
    var positions: [Int32] = []
    var rows: [Range<Int>] = []
    for (cache, tokens) in runs {
      let first = cache.start + cache.count
      rows.append(positions.count..<positions.count + tokens.count)
      positions += tokens.indices.map { Int32(first + $0) }
      cache.reserve(tokens.count)
    }
    let stream = embedded(runs.flatMap(\.tokens))
    let activations = LayerActivations(rows: positions.count, configuration: configuration)
    for index in 0..<configuration.layers {
      layer(index).forward(stream, positions: positions, activations: activations) { keys, values in
        for ((cache, _), range) in zip(runs, rows) {
          cache.store(layer: index, keys: keys.view.rows(range), values: values.view.rows(range))
        }
        return zip(runs, rows).map { $0.0.cache.group(layer: index, queries: $0.1) }
      }
    }
    return finalNormalized(stream)
  }

  /// Runs prompts into fresh caches, what they share once.
  /// - Parameter prompts: token sequences, none empty.
  /// - Returns: for each prompt a cache that ends with it, and the row of the states that predicts what follows it.
  public func prefill(_ prompts: [[Int32]]) -> (states: Matrix, ends: [(cache: KeyValueCache, row: Int)]) {
    let layout = layout(prompts)
    var caches: [Int: KeyValueCache] = [:]
    var runs: [(cache: KeyValueCache, tokens: [Int32])] = []
    for segment in layout.segments {
      let parent = segment.ancestors.last.flatMap { caches[$0.lowerBound] }
      let cache = KeyValueCache(configuration, parent: parent, start: segment.ancestors.reduce(0) { $0 + $1.count })
      caches[segment.rows.lowerBound] = cache
      runs.append((cache, Array(layout.tokens[segment.rows])))
    }
    let states = extend(runs)
    let ends = layout.paths.compactMap { path in
      path.last.flatMap { last in caches[last.lowerBound].map { ($0, last.upperBound - 1) } }
    }
    return (states, ends)
  }

  /// The logits of some rows of final-norm outputs, a chunk at a time.
  /// - Parameter body: gets places in `rows` and their logits [count, V], to use or spoil.
  public func logits(_ states: Matrix, rows: [Int], _ body: (_ places: Range<Int>, _ logits: MatrixView) -> Void) {
    head.chunks(of: states, rows: rows) { places, _, logits in body(places, logits) }
  }
}
