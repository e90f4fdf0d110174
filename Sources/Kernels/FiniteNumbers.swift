/// Looks for numbers that are infinite or none.
public enum FiniteNumbers {
  /// Whether all of `count` numbers are finite.
  public static func fill(_ values: UnsafePointer<Float>, count: Int) -> Bool {
    // The difference of a number and itself is 0; for the others it is not a number, which spreads.
    var sum = SIMD16<Float>()
    let whole = count / 16 * 16
    let raw = UnsafeRawPointer(values)
    for index in stride(from: 0, to: whole, by: 16) {
      let lanes = raw.loadUnaligned(fromByteOffset: index * 4, as: SIMD16<Float>.self)
      sum += lanes - lanes
    }
    return sum == SIMD16<Float>() && (whole..<count).allSatisfy { values[$0].isFinite }
  }

  /// The first entry of a matrix that is not finite; nil if all are.
  public static func firstOther(in matrix: MatrixView) -> (row: Int, column: Int, value: Float)? {
    for row in 0..<matrix.rows where !fill(matrix.row(row), count: matrix.columns) {
      let values = matrix.row(row)
      for column in 0..<matrix.columns where !values[column].isFinite { return (row, column, values[column]) }
    }
    return nil
  }

  /// The first stored weight that is not finite; nil if all are.
  public static func firstOther(in weight: WeightMatrix) -> (row: Int, column: Int, value: Float)? {
    let row = Matrix(uninitializedRows: 1, columns: weight.columns)
    for index in 0..<weight.rows {
      weight.widen(row: index, into: row.view.row(0))
      if let found = firstOther(in: row.view) { return (index, found.column, found.value) }
    }
    return nil
  }
}
