#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension ModelConfiguration {
  /// The rotary scaling by its parameters, as config.json needs it.
  ///
  /// GGUF files hold only what came out of them, a divisor for each frequency. With context C, factor F and the bounds
  /// low and high, the share s = (C·f/2π − low)/(high − low) of a blended frequency f obeys 1/divisor = (1 − s)/F + s.
  /// So s is a straight line over f, and C, low and high are known up to a common factor, which the low = 1 of all
  /// published models settles. What is found is believed only if it gives the stored divisors back.
  /// - Throws: `CheckpointError` if no parameters do.
  func parametricRotaryScaling(source: String) throws(CheckpointError) -> RotaryScaling {
    guard case .divisors(let divisors) = rotaryScaling else { return rotaryScaling }
    if divisors.allSatisfy({ $0 == 1 }) { return .none }
    var plain = self
    plain.rotaryScaling = .none
    let frequencies = plain.rotaryFrequencies
    for candidate in Self.candidates(frequencies, divisors) {
      let scaled = candidate.scaled(frequencies)
      let agrees = zip(scaled, rotaryFrequencies).allSatisfy { abs($0 - $1) <= 1e-5 * $1 }
      if agrees { return candidate }
    }
    throw CheckpointError(
      source, "the factors in rope_freqs.weight are not those of Llama 3.1's scaling, so config.json cannot state them")
  }

  private static func candidates(_ frequencies: [Float], _ divisors: [Float]) -> [RotaryScaling] {
    let factor = Double(divisors.max() ?? 1)
    guard factor > 1 else { return [] }
    func scaling(_ high: Double, _ context: Double) -> RotaryScaling {
      .llama3(factor: factor, lowFrequencyFactor: 1, highFrequencyFactor: high, originalContext: context.rounded())
    }
    // What Llama 3.1 and 3.2 have.
    var candidates = [scaling(4, 8192)]
    var blended: [(frequency: Double, share: Double)] = []
    for (frequency, divisor) in zip(frequencies, divisors) where divisor > 1 && Double(divisor) < factor {
      let reciprocal = 1 / Double(divisor)
      blended.append((Double(frequency), (reciprocal - 1 / factor) / (1 - 1 / factor)))
    }
    if let first = blended.first, let last = blended.last, first.frequency > last.frequency {
      let slope = (first.share - last.share) / (first.frequency - last.frequency)
      let intercept = first.share - slope * first.frequency
      if intercept < 0, slope > 0 {
        let high = 1 - 1 / intercept
        let context = slope * 2 * Double.pi * (high - 1)
        candidates.append(scaling((high * 100).rounded() / 100, context))
        candidates.append(scaling(high, context))
      }
    } else if let only = blended.first {
      candidates.append(scaling(4, 2 * Double.pi * (3 * only.share + 1) / only.frequency))
    }
    return candidates
  }
}
