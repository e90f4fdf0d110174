/// The date and time that a template sees as now.
public struct TemplateDate: Sendable, Equatable {
  /// The year of the Gregorian calendar.
  public var year: Int
  /// The month, from 1.
  public var month: Int
  /// The day of the month, from 1.
  public var day: Int
  /// The hour, from 0.
  public var hour: Int
  /// The minute.
  public var minute: Int
  /// The second.
  public var second: Int

  /// A moment of the Gregorian calendar; midnight where no time is given.
  public init(year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0) {
    self.year = year
    self.month = month
    self.day = day
    self.hour = hour
    self.minute = minute
    self.second = second
  }

  /// The date written by a format of C's `strftime`, in English.
  ///
  /// Known are `%Y %y %m %d %e %H %I %M %S %p %B %b %h %A %a %j %F %T %D %R %n %t %%`, and `-` against leading zeros.
  /// - Returns: nil, and in `unknown` the conversion, if the format has another one.
  func formatted(_ format: String, unknown: inout String) -> String? {
    var result = ""
    var scalars = format.unicodeScalars[...]
    while let scalar = scalars.popFirst() {
      guard scalar == "%" else {
        result.unicodeScalars.append(scalar)
        continue
      }
      var pads = true
      if scalars.first == "-" {
        pads = false
        scalars.removeFirst()
      }
      guard let conversion = scalars.popFirst() else {
        result += "%"
        break
      }
      guard let part = part(conversion, pads: pads) else {
        unknown = "%" + (pads ? "" : "-") + String(conversion)
        return nil
      }
      result += part
    }
    return result
  }

  private func part(_ conversion: Unicode.Scalar, pads: Bool) -> String? {
    func number(_ value: Int, _ width: Int = 2, _ filler: Character = "0") -> String {
      let digits = String(value)
      return pads ? String(repeating: filler, count: max(0, width - digits.count)) + digits : digits
    }
    func name(_ names: [String], _ index: Int) -> String { names.indices.contains(index) ? names[index] : "?" }
    let hourOfTwelve = hour % 12 == 0 ? 12 : hour % 12
    switch conversion {
    case "Y": return String(year)
    case "y": return number(year % 100)
    case "m": return number(month)
    case "d": return number(day)
    case "e": return number(day, 2, " ")
    case "H": return number(hour)
    case "I": return number(hourOfTwelve)
    case "M": return number(minute)
    case "S": return number(second)
    case "p": return hour < 12 ? "AM" : "PM"
    case "B": return name(Self.months, month - 1)
    case "b", "h": return String(name(Self.months, month - 1).prefix(3))
    case "A": return name(Self.weekdays, weekday)
    case "a": return String(name(Self.weekdays, weekday).prefix(3))
    case "j": return number(dayOfYear, 3)
    case "F": return "\(year)-\(Self.two(month))-\(Self.two(day))"
    case "T": return "\(Self.two(hour)):\(Self.two(minute)):\(Self.two(second))"
    case "D": return "\(Self.two(month))/\(Self.two(day))/\(Self.two(year % 100))"
    case "R": return "\(Self.two(hour)):\(Self.two(minute))"
    case "n": return "\n"
    case "t": return "\t"
    case "%": return "%"
    default: return nil
    }
  }

  private static func two(_ value: Int) -> String { value < 10 ? "0\(value)" : String(value) }

  private static let months = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
  ]
  private static let weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]

  private var dayOfYear: Int {
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    return lengths.prefix(max(0, month - 1)).reduce(day, +)
  }

  /// Days since Sunday, by Sakamoto's rule.
  private var weekday: Int {
    let shifts = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4]
    guard shifts.indices.contains(month - 1) else { return 0 }
    let year = month < 3 ? self.year - 1 : self.year
    return (year + year / 4 - year / 100 + year / 400 + shifts[month - 1] + day) % 7
  }
}
