/// How rotary frequencies are stretched for contexts longer than those of pre-training.
public enum RotaryScaling: Sendable, Equatable {
  case none
  /// Llama 3.1: low frequencies are divided by `factor`, high ones kept, those between blended.
  case llama3(factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double, originalContext: Double)
  /// Every frequency is divided by `factor`, as if positions stood closer together.
  case linear(factor: Double)
  /// Each frequency is divided by its own factor, as GGUF files store the Llama 3.1 scaling.
  case divisors([Float])

  func scaled(_ frequencies: [Float]) -> [Float] {
    switch self {
    case .none: return frequencies
    case .linear(let factor): return frequencies.map { Float(Double($0) / factor) }
    case .divisors(let divisors): return zip(frequencies, divisors).map { $0 / $1 }
    case .llama3(let factor, let low, let high, let original):
      return frequencies.map { frequency in
        let wavelength = 2 * Double.pi / Double(frequency)
        if wavelength < original / high { return frequency }
        if wavelength > original / low { return Float(Double(frequency) / factor) }
        let smooth = (original / wavelength - low) / (high - low)
        return Float((1 - smooth) * Double(frequency) / factor + smooth * Double(frequency))
      }
    }
  }
}
