import Checkpoints
import Kernels

/// Which activations each layer keeps for the backward pass, and which it computes again: as many as memory allows.
///
/// The first thing to go are feed-forward activations, half of a layer's memory that two products bring back; then
/// attention's. A layer's input is always kept, in words where inputs alone are more than may be kept. The top layer's
/// activations are still where they were made when the backward pass begins: they take nothing of the budget.
struct ActivationPlan {
  enum Kept {
    case input, attention, everything
    /// The input, in words: what is computed again is as near to the first as these.
    case inputInWords
    /// Everything, and nothing has to be done for it.
    case inPlace
  }

  /// For each layer; those below the lowest adapted one have no backward pass and keep nothing.
  let layers: [Kept?]

  /// - Parameters:
  ///   - budget: bytes of activations that may be kept.
  ///   - rounded: whether they are kept in words (`RoundedActivations`), but for the stream in the middle that feed-forward
  ///     activations are computed from again.
  init(rows: Int, configuration c: ModelConfiguration, lowest: Int, budget: Int, rounded: Bool) {
    func exactly(_ columns: Int) -> Int { rows * columns * MemoryLayout<Float>.stride }
    func bytes(_ columns: [Int]) -> Int {
      rounded ? RoundedRows.bytes(rows: rows, columns: columns) : exactly(columns.reduce(0, +))
    }
    let exactInput = exactly(c.hiddenSize)
    let attention = bytes(AttentionActivations.roundableColumns(c)) + exactly(c.heads) + exactly(c.hiddenSize)
    // With the feed-forward half kept nothing is computed from the stream in the middle again.
    let everything =
      bytes(AttentionActivations.roundableColumns(c) + FeedForwardActivations.roundableColumns(c) + [c.hiddenSize])
      + exactly(c.heads)
    let top = c.layers - 1
    let trained = (0..<c.layers).filter { $0 >= lowest && $0 < top }
    let inWords = rounded && trained.count * exactInput > budget
    let input = inWords ? bytes([c.hiddenSize]) : exactInput
    var layers: [Kept?] = (0..<c.layers).map { $0 >= lowest ? inWords ? .inputInWords : .input : nil }
    var left = budget - trained.count * input
    // The top layers' activations are wanted first and let go of first.
    for index in trained.reversed() where left >= attention - input {
      layers[index] = .attention
      left -= attention - input
    }
    for index in trained.reversed() where layers[index] == .attention && left >= everything - attention {
      layers[index] = .everything
      left -= everything - attention
    }
    if lowest <= top { layers[top] = .inPlace }
    self.layers = layers
  }

  /// Most rows of a pass forward and backward.
  private static let mostRows = 8192
  /// Bytes that a pass takes beside the weights, roughly: that of an 8B model in four bits stays below 8 GB with them.
  private static let passBytes = 2_200_000_000
  /// Matrices as wide as the feed-forward layer whose memory all that is in use at a time comes to, as measured.
  private static let wideMatrices = 8

  /// `TransformerModel.trainingRowLimit`.
  static func rowLimit(_ c: ModelConfiguration) -> Int {
    let inputs = c.layers * RoundedRows.bytes(rows: 1, columns: [c.hiddenSize])
    let inUse = wideMatrices * c.intermediateSize * MemoryLayout<Float>.stride
    return max(1, min(mostRows, passBytes / (inputs + inUse)))
  }
}
