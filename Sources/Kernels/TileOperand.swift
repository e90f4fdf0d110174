import CKernels

/// One side of products on tile registers: float32 numbers as pairs of bfloat16 in panels of 32 lines (Tiles.h).
///
/// It takes as many bytes as the numbers it was packed from, padded to multiples of 32.
final class TileOperand: @unchecked Sendable {
  /// Which side of a product it is: lines of a left operand are rows of the result, lines of a right one columns.
  enum Side { case left, right }

  /// Lines of a panel, and numbers of depth in a block.
  static let extent = 32
  /// Bytes of a block: 32 × 32 pairs of bfloat16.
  static let blockBytes = 4096

  /// Lines, without padding.
  let lines: Int
  /// Numbers of a line, without padding.
  let depth: Int
  private let memory: Matrix

  /// Room for an operand, not packed yet.
  init(lines: Int, depth: Int) {
    self.lines = lines
    self.depth = depth
    memory = Matrix(
      uninitializedRows: Self.count(lines) * Self.count(depth), columns: Self.extent * Self.extent)
  }

  /// Panels of so many lines, or blocks of so much depth.
  static func count(_ extent: Int) -> Int { (extent + Self.extent - 1) / Self.extent }

  var panels: Int { Self.count(lines) }

  var blocks: Int { Self.count(depth) }

  func panel(_ index: Int, block: Int = 0) -> UnsafeMutableRawPointer {
    UnsafeMutableRawPointer(memory.view.base) + (index * blocks + block) * Self.blockBytes
  }

  /// Fills a block with zeros.
  func clear(panel index: Int, block: Int) {
    panel(index, block: block).initializeMemory(as: UInt8.self, repeating: 0, count: Self.blockBytes)
  }

  /// Packs one panel.
  /// - Parameters:
  ///   - x: [lines, depth] if the lines are its rows, else [depth, lines].
  ///   - scale: a factor on every number.
  ///   - lines, depth: how much of the operand's room is used, if not all.
  func pack(
    panel index: Int, of x: MatrixView, linesAreRows: Bool, side: Side, scale: Float = 1, lines: Int? = nil,
    depth: Int? = nil
  ) {
    let start = index * Self.extent
    let count = min(Self.extent, (lines ?? self.lines) - start)
    let depth = depth ?? self.depth
    if linesAreRows {
      tiles_pack_rows(x.row(start), x.stride, count, depth, scale, side == .right, panel(index))
    } else {
      tiles_pack_columns(x.base + start, x.stride, count, depth, scale, side == .right, panel(index))
    }
  }
}
