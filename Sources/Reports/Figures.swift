#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Numbers as the page writes them.
package enum Figures {
  /// Stands where there is no number.
  package static let none = "–"

  /// C's printf with one number.
  private static func printed(_ format: String, _ value: Double) -> String {
    var buffer = [CChar](repeating: 0, count: 64)
    _ = withVaList([value]) { vsnprintf(&buffer, buffer.count, format, $0) }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// With so many decimals; a dash for none.
  package static func fixed(_ value: Double?, decimals: Int = 1, signed: Bool = false) -> String {
    guard let value, value.isFinite else { return none }
    let text = printed("%\(signed ? "+" : "").\(decimals)f", value)
    return text.hasPrefix("-") ? "−" + text.dropFirst() : text
  }

  /// A share in percent, one decimal.
  package static func percent(_ share: Double?, signed: Bool = false) -> String {
    fixed(share.map { 100 * $0 }, signed: signed)
  }

  /// Four significant digits.
  package static func short(_ value: Double?) -> String {
    guard let value, value.isFinite else { return none }
    return printed("%.4g", value)
  }

  /// Bytes in units of 1000.
  package static func bytes(_ count: Int?) -> String {
    guard let count else { return none }
    switch count {
    case 1_000_000_000...: return fixed(Double(count) / 1e9) + " GB"
    case 10_000_000...: return fixed(Double(count) / 1e6, decimals: 0) + " MB"
    case 1_000_000...: return fixed(Double(count) / 1e6) + " MB"
    case 1000...: return fixed(Double(count) / 1e3, decimals: 0) + " kB"
    default: return "\(count) bytes"
    }
  }

  /// Seconds, in minutes or hours where there are many.
  package static func time(_ seconds: Double?) -> String {
    guard let seconds, seconds.isFinite, seconds < 1e12 else { return none }
    if seconds < 120 { return fixed(seconds) + " s" }
    let minutes = Int((seconds / 60).rounded())
    return minutes < 120 ? "\(minutes) min" : "\(minutes / 60) h \(minutes % 60) min"
  }

  /// Seconds since 1970 as a date, in UTC.
  package static func date(_ seconds: Int) -> String {
    var time = time_t(seconds)
    var parts = tm()
    guard gmtime_r(&time, &parts) != nil else { return none }
    var buffer = [CChar](repeating: 0, count: 64)
    let count = strftime(&buffer, buffer.count, "%Y-%m-%d %H:%M UTC", &parts)
    return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
