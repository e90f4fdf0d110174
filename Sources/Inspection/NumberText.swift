#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Numbers as tables show them.
package enum NumberText {
  /// A natural logarithm of a probability.
  package static func logarithm(_ value: Float) -> String { formatted("%.4f", Double(value)) }

  /// A probability, small ones by their power of ten.
  package static func probability(_ value: Double) -> String {
    formatted(value >= 0.0005 || value == 0 ? "%.3f" : "%.0e", value)
  }

  /// A ratio of two probabilities.
  package static func ratio(_ value: Double) -> String {
    formatted(value >= 0.01 && value < 1000 || value == 0 ? "%.3f" : "%.1e", value)
  }

  /// A weight; one of zero, which nothing is learnt from, is left blank.
  package static func weight(_ value: Float) -> String {
    value == 0 ? "" : formatted(abs(value) >= 0.001 && abs(value) < 10_000 ? "%.4f" : "%.3e", Double(value))
  }

  /// Any number of a tensor.
  package static func plain(_ value: Double) -> String { formatted("%.6g", value) }

  private static func formatted(_ format: String, _ value: Double) -> String {
    // The sign of what is no number says nothing.
    if value.isNaN { return "nan" }
    var buffer = [CChar](repeating: 0, count: 400)
    let count = withVaList([value]) { vsnprintf(&buffer, buffer.count, format, $0) }
    return String(decoding: buffer.prefix(max(0, Int(count))).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
