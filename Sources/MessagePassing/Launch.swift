import Training

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// How this process was started: alone, or by a launcher (mpirun, srun) as one of several.
public struct Launch: Sendable, Equatable {
  /// Processes that the launcher says it started; nil if it does not say how many.
  public var size: Int?
  /// The number of this one among them, from 0.
  public var rank: Int
  /// The environment's variable that says so.
  public var variable: String
  /// Whether the launcher left a way by which the processes find each other; MPI itself would end in many words.
  public var isConnected = true

  /// What the environment says; nil for a process that is alone.
  ///
  /// Open MPI's mpirun, srun and MPICH's mpiexec are known. A batch script of Slurm is alone, whatever it asked for.
  public init?(environment: (String) -> String?) {
    func number(_ name: String) -> Int? { environment(name).flatMap { Int($0) } }
    let sizes = ["OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS", "PMI_SIZE"]
    let ranks = ["OMPI_COMM_WORLD_RANK", "PMIX_RANK", "SLURM_PROCID", "PMI_RANK"]
    if let variable = sizes.first(where: { number($0) != nil }), let size = number(variable) {
      guard size > 1 else { return nil }
      self.init(size: size, rank: ranks.compactMap(number).first ?? 0, variable: variable)
      isConnected = ["OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"].contains { number($0) != nil }
    } else if let rank = number("PMIX_RANK") {
      self.init(size: nil, rank: rank, variable: "PMIX_RANK")
    } else {
      return nil
    }
  }

  /// One of several processes.
  public init(size: Int?, rank: Int, variable: String) {
    self.size = size
    self.rank = rank
    self.variable = variable
  }

  /// That of this process.
  public static var current: Launch? {
    Launch { name in getenv(name).map { String(cString: $0) } }
  }

  /// Refuses what would be several runs that do not know of each other.
  /// - Parameter found: Ranks that MPI finds; nil if the program was built without MPI.
  /// - Throws: `LaunchError`.
  public func check(found: Int?) throws(LaunchError) {
    let started = "was started as process \(rank)\(size.map { " of \($0)" } ?? "") (\(variable))"
    let alone = "; to let each run alone, start it with env -u \(variable)"
    guard let found else {
      throw LaunchError(
        "\(started), but is built without MPI: build it with swift build -c release --traits MPI" + alone)
    }
    guard let size, size != found else { return }
    throw LaunchError(
      "\(started), but Open MPI finds \(found): use the mpirun of the Open MPI that it is built with, or srun "
        + "--mpi=pmix" + alone)
  }
}

/// A launcher that this program cannot work with.
public struct LaunchError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What was found and what to do.
  public let description: String

  init(_ description: String) { self.description = description }
}

/// The ranks' processes, and where they compute.
public enum Processes {
  /// Joins the processes that were started with this one; alone if it was started alone, and then MPI is not begun.
  /// - Throws: `LaunchError`; `CommunicationError`.
  public static func join() throws -> any Communicator {
    guard let launch = Launch.current else { return SingleProcess() }
    #if MPI
      guard launch.isConnected else {
        if launch.rank > 0 { usleep(500_000) }
        try launch.check(found: 1)
        return SingleProcess()
      }
      let communicator = try MPICommunicator.world()
      try launch.check(found: communicator.size)
      return communicator
    #else
      // mpirun ends all as soon as one has failed: the first has to have its say before.
      if launch.rank > 0 { usleep(500_000) }
      try launch.check(found: nil)
      return SingleProcess()
    #endif
  }

  /// How many of the ranks compute on the same cores as this one, itself included.
  /// - Parameter cores: those that this process may use, in words that are equal for equal ones of one computer.
  /// - Throws: as `RankGroup.exchange`.
  public static func sharing(cores: String, _ ranks: RankGroup) throws -> Int {
    guard ranks.size > 1 else { return 1 }
    var name = [CChar](repeating: 0, count: 256)
    gethostname(&name, name.count - 1)
    let own = name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) } + [0] + Array(cores.utf8)
    return try ranks.exchange(.success(own)).filter { $0 == own }.count
  }
}
