// Runs the jobs of the bench and prints their table; pipelines/bench/Makefile says what the settings mean.

import Foundation

func processorName() -> String {
  let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
  let line = text.split(separator: "\n").first { $0.hasPrefix("model name") }
  return line?.split(separator: ":").last?.trimmingCharacters(in: .whitespaces) ?? "unknown processor"
}

/// Whether the processor has AVX-512; elsewhere PyTorch computes in bfloat16 number by number. Yes where nobody can tell.
func processorHasWideVectors() -> Bool {
  let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
  guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("flags") }) else { return true }
  return line.split(separator: " ").contains("avx512f")
}

func loadAverage() -> Double {
  var averages = [0.0, 0.0, 0.0]
  return getloadavg(&averages, 3) > 0 ? averages[0] : 0
}

func measurePeak(_ settings: Settings) throws -> Results.Peak {
  let output = "\(settings.work)/peak.json"
  var arguments = ["\(settings.work)/sgemm-peak"]
  if !settings.threads.isEmpty { arguments.append(settings.threads) }
  _ = try Runner(work: settings.work).run(Command(name: "SGEMM peak", arguments: arguments, output: output))
  let peak = try JSONDecoder().decode(Results.Peak.self, from: Data(contentsOf: URL(fileURLWithPath: output)))
  note(String(format: "  %.0f GFLOP/s with the kernels for %@", peak.gflops, peak.core))
  return peak
}

func run() throws -> Int32 {
  let settings = try Settings(environment: ProcessInfo.processInfo.environment)
  let load = loadAverage()
  if load > 0.5 {
    note(String(format: "other processes keep this machine busy (load %.1f): times will be too long", load))
  }
  let before = try measurePeak(settings)
  let results = Results(
    commit: ProcessInfo.processInfo.environment["BENCH_COMMIT"] ?? "unknown",
    date: ISO8601DateFormatter().string(from: Date()), processor: processorName(), threads: before.threads,
    openblasCore: before.core, model: URL(fileURLWithPath: settings.model).lastPathComponent, loadAverageAtStart: load,
    peakGflops: [before.gflops])
  let bench = try Bench(settings, results: results)
  let jobs: [String: () throws -> Void] = [
    "step": bench.runStep, "training": bench.runTraining, "sampling": bench.runSampling, "stream": bench.runStream,
    "scoring": bench.runScoring, "tokenize": bench.runTokenize, "saliency": bench.runSaliency, "start": bench.runStart,
    "large": bench.runLarge, "growth": bench.runGrowth,
  ]
  for job in settings.jobs {
    note("\(job):")
    do { try jobs[job]?() } catch {
      if Interruption.isAsked { throw Failure("interrupted") }
      bench.fail(job, error)
    }
    // Kept as it grows, so that a run that is cut short has not been for nothing.
    try bench.results.write(to: "\(settings.work)/results.json")
  }
  bench.results.peakGflops.append(try measurePeak(settings).gflops)
  bench.results.takeShares()
  try bench.results.write(to: "\(settings.work)/results.json")
  print("\n" + bench.results.table, terminator: "")
  return bench.results.failures.isEmpty ? 0 : 1
}

Interruption.watch()
do {
  exit(try run())
} catch {
  note("\(error)")
  exit(Interruption.isAsked ? 130 : 1)
}
