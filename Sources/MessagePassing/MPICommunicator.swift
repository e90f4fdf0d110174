#if MPI
  import CMPI
  import Training

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #else
    import Darwin
  #endif

  /// All ranks that a launcher started together, by MPI.
  ///
  /// Every call is made by the thread that joined. MPI_Finalize or MPI_Abort ends it when the last reference goes.
  final class MPICommunicator: Communicator {
    let rank: Int
    let size: Int
    /// After an error the others may wait for this rank for ever, in whatever call: then all must be ended.
    private var hasFailed = false

    private init(rank: Int, size: Int) {
      self.rank = rank
      self.size = size
    }

    /// Joins the others.
    /// - Throws: `CommunicationError`.
    static func world() throws(CommunicationError) -> MPICommunicator {
      var (rank, size): (Int32, Int32) = (0, 0)
      let code = CMPIJoin(&rank, &size)
      guard code == success else { throw CommunicationError("MPI_Init_thread: \(words(code))") }
      return MPICommunicator(rank: Int(rank), size: Int(size))
    }

    deinit {
      if hasFailed { _ = CMPIAbort(74) } else { MPI_Finalize() }
    }

    private static let success = Int32(CMPISuccess)

    private static func words(_ code: Int32) -> String {
      var text = [CChar](repeating: 0, count: CMPILongestMessage + 1)
      var length: Int32 = 0
      MPI_Error_string(code, &text, &length)
      return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private func check(_ name: String, _ code: Int32) throws(CommunicationError) {
      guard code != Self.success else { return }
      hasFailed = true
      throw CommunicationError("rank \(rank): \(name): \(Self.words(code))")
    }

    func allGather(_ message: [UInt8]) throws(CommunicationError) -> [[UInt8]] {
      let lengths = try allLengths(message.count)
      var offsets: [Int32] = []
      var total = 0
      for length in lengths {
        guard length >= 0, total + length <= Int(Int32.max) else {
          hasFailed = true
          throw CommunicationError("rank \(rank): messages of \(lengths) bytes are too long for MPI_Allgatherv")
        }
        offsets.append(Int32(total))
        total += length
      }
      var all = [UInt8](repeating: 0, count: total)
      try check(
        "MPI_Allgatherv",
        CMPIAllGatherBytes(message, Int32(message.count), &all, lengths.map { Int32($0) }, offsets))
      return zip(offsets, lengths).map { Array(all[Int($0)..<Int($0) + $1]) }
    }

    /// All ranks' lengths. Here ranks wait for each other, for hours where the first reads from a pipe: after a
    /// millisecond of trying a rank sleeps in between, as MPI itself would never do.
    private func allLengths(_ length: Int) throws(CommunicationError) -> [Int] {
      let own = UnsafeMutablePointer<Int64>.allocate(capacity: 1 + size)
      defer { own.deallocate() }
      own.initialize(repeating: Int64(length), count: 1 + size)
      var request: MPI_Request?
      try check("MPI_Iallgather", CMPIBeginAllGather(own, own + 1, &request))
      var isDone: Int32 = 0
      let start = ContinuousClock.now
      while true {
        try check("MPI_Test", CMPITest(&request, &isDone))
        if isDone != 0 { break }
        let waited = ContinuousClock.now - start
        if waited < .milliseconds(1) {
          sched_yield()
        } else {
          usleep(waited < .seconds(10) ? 200 : 5000)
        }
      }
      return (1...size).map { Int(own[$0]) }
    }

    func allToAll(_ values: [Float]) throws(CommunicationError) -> [Float] {
      var received = [Float](repeating: 0, count: values.count)
      try check("MPI_Alltoall", CMPIAllToAll(values, &received, Int32(values.count / size)))
      return received
    }

    func allGather(_ block: [Float]) throws(CommunicationError) -> [Float] {
      var all = [Float](repeating: 0, count: block.count * size)
      try check("MPI_Allgather", CMPIAllGather(block, Int32(block.count), &all))
      return all
    }
  }
#endif
