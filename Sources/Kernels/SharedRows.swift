/// The left side of several products, prepared for them at most once.
///
/// What it was made from must not change while it is in use. One thread asks at a time.
public final class SharedRows {
  /// How many rows.
  public let rows: Int
  /// Numbers of a row.
  public let columns: Int
  private let source: MatrixView?
  private var left: TileOperand?
  private var right: TileOperand?
  private var words: WordOperand?

  /// Rows for use in `Products`.
  public init(_ view: MatrixView) {
    (rows, columns, source) = (view.rows, view.columns, view)
  }

  /// Rows that are there in their packed form alone.
  init(_ operand: TileOperand, side: TileOperand.Side) {
    (rows, columns, source) = (operand.lines, operand.depth, nil)
    if side == .left { left = operand } else { right = operand }
  }

  /// The same in words.
  init(_ operand: WordOperand) {
    (rows, columns, source) = (operand.rows, operand.runs * WordOperand.run, nil)
    words = operand
  }

  /// The rows themselves.
  /// - Precondition: they do not come from `Products.packedRows`, which are there for `Products.linear` alone.
  public var view: MatrixView {
    guard let source else { fatalError("these rows were packed as they were made") }
    return source
  }

  func packed(by products: WordProducts) -> WordOperand {
    if let words { return words }
    let operand = products.packed(view)
    words = operand
    return operand
  }

  func packed(_ side: TileOperand.Side, by tiles: TileProducts) -> TileOperand {
    if let ready = side == .left ? left : right { return ready }
    let operand = tiles.packed(view, linesAreRows: true, side: side)
    if side == .left { left = operand } else { right = operand }
    return operand
  }
}
