import Kernels

extension SplitMix64 {
  /// A nearly normal number of mean 0 and variance 1: the sum of twelve uniform ones, less six.
  public mutating func normal() -> Float { Float((0..<12).reduce(-6.0) { sum, _ in sum + unit() }) }

  /// Nearly normal numbers around `mean`.
  public mutating func normals(_ count: Int, scale: Float = 1, mean: Float = 0) -> [Float] {
    (0..<count).map { _ in mean + scale * normal() }
  }

  /// A matrix of nearly normal numbers.
  public mutating func matrix(_ rows: Int, _ columns: Int, scale: Float = 1) -> Matrix {
    Matrix(rows: rows, columns: columns, normals(rows * columns, scale: scale))
  }

  /// Tokens of a vocabulary, all equally likely.
  public mutating func tokens(_ count: Int, vocabulary: Int) -> [Int32] {
    (0..<count).map { _ in Int32.random(in: 0..<Int32(vocabulary), using: &self) }
  }
}

extension Matrix {
  /// The values in double precision, row after row.
  public var doubles: [Double] { values.map(Double.init) }
}
