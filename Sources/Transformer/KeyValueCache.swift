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
  private let layers: Int
  private var chunks: [Chunk] = []
  /// The blocks of all runs before this one and of all chunks but the last, layer by layer, as far as they have been asked
  /// for since the last chunk began.
  private var ancestors: [[KeyBlock]?]

  /// Tokens that there is room for at a time: growing copies nothing, and the pieces of memory that a finished response
  /// leaves fit the next one.
  private static let chunkTokens = 64

  /// Room for some tokens that follow each other.
  private struct Chunk {
    let keys: [Matrix]
    let values: [Matrix]
    /// Tokens that are there.
    var count = 0

    init(tokens: Int, layers: Int, width: Int) {
      let all = Matrix.together(uninitializedRows: tokens, columns: Array(repeating: width, count: 2 * layers))
      (keys, values) = (Array(all[..<layers]), Array(all[layers...]))
    }

    var room: Int { (keys.first?.rows ?? 0) - count }

    func block(layer: Int) -> KeyBlock {
      KeyBlock(keys: keys[layer].view.rows(0..<count), values: values[layer].view.rows(0..<count))
    }
  }

  /// An empty run behind `parent`, which must not grow any more.
  public convenience init(_ configuration: ModelConfiguration, parent: KeyValueCache? = nil) {
    self.init(configuration, parent: parent, start: parent.map { $0.start + $0.count } ?? 0)
  }

  /// An empty run whose first token will stand at `start`, where the parent is filled in the same pass.
  init(_ configuration: ModelConfiguration, parent: KeyValueCache?, start: Int) {
    self.parent = parent
    self.start = start
    width = configuration.keyHeads * configuration.headDimension
    layers = configuration.layers
    ancestors = Array(repeating: nil, count: layers)
  }

  /// Makes room for more tokens and counts them; their keys and values follow layer by layer.
  func reserve(_ more: Int) {
    if chunks.last.map({ $0.room < more }) ?? true {
      // A prompt comes as a whole, and nothing comes behind it.
      let tokens = chunks.isEmpty && more > 1 ? more : max(more, Self.chunkTokens)
      chunks.append(Chunk(tokens: tokens, layers: layers, width: width))
      ancestors = Array(repeating: nil, count: layers)
    }
    chunks[chunks.count - 1].count += more
    count += more
  }

  /// Stores the last rows of a layer, as many as `reserve` was last told.
  func store(layer: Int, keys: MatrixView, values: MatrixView) {
    let block = chunks[chunks.count - 1].block(layer: layer)
    let rows = block.keys.rows - keys.rows..<block.keys.rows
    Elementwise.copy(keys, into: block.keys.rows(rows))
    Elementwise.copy(values, into: block.values.rows(rows))
  }

  func group(layer: Int, queries: Range<Int>) -> AttentionGroup {
    AttentionGroup(
      queries: queries, ancestors: ancestorBlocks(layer: layer), own: chunks[chunks.count - 1].block(layer: layer))
  }

  private func ancestorBlocks(layer: Int) -> [KeyBlock] {
    if let known = ancestors[layer] { return known }
    let blocks = (parent?.blocks(layer: layer) ?? []) + chunks.dropLast().map { $0.block(layer: layer) }
    ancestors[layer] = blocks
    return blocks
  }

  private func blocks(layer: Int) -> [KeyBlock] {
    ancestorBlocks(layer: layer) + chunks.suffix(1).map { $0.block(layer: layer) }
  }
}

extension TransformerModel {
  /// Runs tokens behind what their caches hold and adds them to the caches.
  /// - Parameters:
  ///   - runs: caches, each at most once, with the tokens to append; a parent may stand before its children.
  ///   - read: rows of the result that will be read, the others are NaN; nil for all.
  /// - Returns: final-norm outputs of all tokens, run after run, [n, D].
  public func extend(_ runs: [(cache: KeyValueCache, tokens: [Int32])], reading read: [Int]? = nil) -> Matrix {
    var positions: [Int32] = []
    var rows: [Range<Int>] = []
    for (cache, tokens) in runs {
      let first = cache.start + cache.count
      rows.append(positions.count..<positions.count + tokens.count)
      positions += tokens.indices.map { Int32(first + $0) }
      cache.reserve(tokens.count)
    }
    let reading = ReadRows(read, of: positions.count)
    var stream = embedded(runs.flatMap(\.tokens))
    var activations = LayerActivations(rows: positions.count, configuration: configuration)
    for index in 0..<configuration.layers {
      if isTop(index) { activations = activations.reading(reading, configuration: configuration) }
      stream = layer(index, reading: reading).forward(
        stream, positions: positions, activations: activations
      ) { keys, values in
        let (keys, values) = (keys.view, values.view)
        products.pool.ranges(runs.count, minimum: 8) { part, _ in
          for run in part {
            runs[run].cache.store(layer: index, keys: keys.rows(rows[run]), values: values.rows(rows[run]))
          }
        }
        return zip(runs, rows).map { $0.0.cache.group(layer: index, queries: $0.1) }
      }
    }
    return finalNormalized(stream, reading: reading)
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
    let ends = layout.paths.compactMap { path in
      path.last.flatMap { last in caches[last.lowerBound].map { (cache: $0, row: last.upperBound - 1) } }
    }
    return (extend(runs, reading: ends.map(\.row)), ends)
  }

  /// The logits of some rows of final-norm outputs, a chunk at a time.
  /// - Parameter body: gets places in `rows` and their logits [count, V], to use or spoil.
  public func logits(_ states: Matrix, rows: [Int], _ body: (_ places: Range<Int>, _ logits: MatrixView) -> Void) {
    head.chunks(of: states, rows: rows) { places, _, logits in body(places, logits) }
  }
}
