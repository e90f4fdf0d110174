import Checkpoints
import Kernels

/// A language model ready to run: mapped weights, perhaps an adapter, and the threads to run on.
public struct TransformerModel: Sendable {
  /// The model's files.
  public let checkpoint: ModelCheckpoint
  /// The adapter in use, if any.
  public var adapter: Adapter?
  /// Matrix products and their threads.
  public private(set) var products: Products
  private let rotary: RotaryEmbedding
  /// The rotary embedding of the sliding layers.
  private let slidingRotary: RotaryEmbedding

  /// The model's shape.
  public var configuration: ModelConfiguration { checkpoint.configuration }

  /// A model from its parts.
  public init(checkpoint: ModelCheckpoint, adapter: Adapter? = nil, products: Products) {
    self.checkpoint = checkpoint
    self.adapter = adapter
    // Weights in float32 are there for the sake of their digits.
    let keepsEveryDigit = checkpoint.layers.contains { layer in
      Projection.allCases.contains { layer[$0].format == .f32 }
    }
    self.products = keepsEveryDigit ? products.inSinglePrecision : products
    rotary = RotaryEmbedding(frequencies: checkpoint.configuration.rotaryFrequencies)
    slidingRotary =
      checkpoint.configuration.slidingRotaryFrequencies.map(RotaryEmbedding.init(frequencies:)) ?? rotary
  }

  /// The same model with kernels chosen by another scheme.
  public func choosing(by scheme: RowScheme) -> TransformerModel {
    var copy = self
    copy.products = products.choosing(by: scheme)
    return copy
  }

  /// Shortest prefix that sequences share in a layout for this model; in a plain model none shares rows with another.
  private var sharing: Int? { products.isPlain ? nil : 16 }

  /// Where segments may end so that no sequence's results depend on the others, if they must not.
  private var cuts: PackedLayout.Cuts {
    guard products.scheme != .asTheyCome, !products.isPlain else { return .anywhere }
    return products.attentionCutUnit.map { .aligned($0) } ?? .every(Self.segmentLength)
  }

  /// Tokens of a segment where attention's bytes depend on how keys are cut.
  private static let segmentLength = 32

  /// Counts the rows that sequences take in a layout for this model.
  public var rowCount: PackedRowCount { PackedRowCount(sharingPrefixesFrom: sharing, cuts: cuts) }

  /// Sequences packed for this model.
  /// - Parameter riders: those that are only read, as `PackedLayout` takes them.
  public func layout(_ sequences: [[Int32]], riders: [[Int32]] = []) -> PackedLayout {
    PackedLayout(sequences, riders: riders, sharingPrefixesFrom: sharing, cuts: cuts)
  }

  var head: LanguageModelHead { LanguageModelHead(weight: checkpoint.head, products: products) }

  /// - Parameter reading: the rows whose final states are read; it counts in the top layer.
  func layer(_ index: Int, dropout: LayerDropout? = nil, reading: ReadRows? = nil) -> DecoderLayer {
    let window = configuration.window(layer: index)
    return DecoderLayer(
      configuration: configuration, weights: checkpoint.layers[index], adapter: adapter?.layers[index] ?? [:],
      dropout: dropout, rotary: window == nil ? rotary : slidingRotary, window: window, products: products,
      reading: isTop(index) ? reading : nil)
  }

  func isTop(_ layer: Int) -> Bool { layer == configuration.layers - 1 }

  /// The embeddings of tokens, times the model's factor on them, [n, D].
  func embedded(_ tokens: [Int32]) -> Matrix {
    let result = Matrix(uninitializedRows: tokens.count, columns: configuration.hiddenSize)
    let factor = configuration.embeddingFactor
    products.pool.ranges(tokens.count, minimum: 16) { range, _ in
      for row in range { checkpoint.embedding.widen(row: Int(tokens[row]), into: result.view.row(row)) }
      if factor != 1 { Elementwise.scale(result.view.rows(range), by: factor) }
    }
    return result
  }

  func finalNormalized(_ stream: Matrix) -> Matrix {
    let result = Matrix(uninitializedRows: stream.rows, columns: stream.columns)
    finalNormalized(stream, into: result.view)
    return result
  }

  /// The same of what the top layer gives for the rows that are read, [n, D]; the others become NaN.
  func finalNormalized(_ stream: Matrix, reading: ReadRows?) -> Matrix {
    guard let reading else { return finalNormalized(stream) }
    let result = Matrix(uninitializedRows: reading.all, columns: stream.columns)
    finalNormalized(stream, reading: reading, into: result.view)
    return result
  }

  /// The same into rows that are there.
  func finalNormalized(_ stream: Matrix, reading: ReadRows?, into result: MatrixView) {
    guard let reading else { return finalNormalized(stream, into: result) }
    reading.scatter(finalNormalized(stream), into: result)
  }

  /// The same into rows that are there.
  func finalNormalized(_ stream: Matrix, into result: MatrixView) {
    RootMeanSquareNorm.forward(
      stream.view, weight: checkpoint.finalNorm, epsilon: configuration.normEpsilon, into: result, pool: products.pool)
  }

  /// Checks that tokens are in the vocabulary.
  /// - Throws: `TokenRangeError` with the first that is not.
  public func validate(_ tokens: [Int32]) throws(TokenRangeError) {
    for (position, token) in tokens.enumerated() where token < 0 || Int(token) >= configuration.vocabularySize {
      throw TokenRangeError(token: token, position: position, vocabularySize: configuration.vocabularySize)
    }
  }
}

/// A token that the model does not have.
public struct TokenRangeError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The token.
  public let token: Int32
  /// Its place in the sequence, from 0.
  public let position: Int
  /// Tokens that the model has.
  public let vocabularySize: Int

  /// The token, its place and the vocabulary's size.
  public var description: String {
    "token \(token) at position \(position) is outside the model's vocabulary of \(vocabularySize)"
  }
}
