/// The left side of several products, prepared for them at most once.
///
/// What it was made from must not change while it is in use. One thread asks at a time.
public final class SharedRows {
  /// The rows themselves.
  public let view: MatrixView
  private var left: TileOperand?
  private var right: TileOperand?

  /// Rows for use in `Products`.
  public init(_ view: MatrixView) { self.view = view }

  func packed(_ side: TileOperand.Side, by tiles: TileProducts) -> TileOperand {
    if let ready = side == .left ? left : right { return ready }
    let operand = tiles.packed(view, linesAreRows: true, side: side)
    if side == .left { left = operand } else { right = operand }
    return operand
  }
}
