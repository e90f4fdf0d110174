import Testing
import ToolSupport

@Suite struct ProgressTextTests {
  private func text(_ done: Int, _ failed: Int = 0, earlier: Int = 0, left: Double? = nil, in seconds: Double) -> String
  {
    ProgressText.records(done: done, failed: failed, earlier: earlier, remaining: left, seconds: seconds)
  }

  @Test func records() {
    #expect(text(120, 1, left: 800, in: 28.8) == "120 done, 1 failed, 4.2/s, 3 min 11 s left")
    #expect(text(120, in: 28.8) == "120 done, 4.2/s")
    #expect(text(5000, left: 5000, in: 10) == "5000 done, 500/s, 10 s left")
    #expect(text(3, left: 400, in: 90) == "3 done, 2.0/min, 3 h 20 min left")
    #expect(text(7, left: 0, in: 7) == "7 done, 1.0/s, 0 s left")
  }

  @Test func earlierRecordsHaveNoSpeed() {
    #expect(text(110, earlier: 100, left: 40, in: 5) == "110 done, 2.0/s, 20 s left")
    #expect(text(100, earlier: 100, left: 40, in: 5) == "100 done")
    #expect(text(100, 2, earlier: 100, in: 1) == "100 done, 2 failed, 2.0/s")
  }

  @Test func impossibleTimesAreShownAsSomething() {
    #expect(text(1, left: .infinity, in: 0) == "1 done, 1000/s, 277777 h 46 min left")
  }

  @Test func steps() {
    #expect(
      ProgressText.steps(12, of: 100, loss: 1.2341, taken: 2, remaining: 88, seconds: 1)
        == "step 12 of 100, loss 1.234, 2.0/s, 44 s left")
    #expect(
      ProgressText.steps(1, of: 1, loss: -0.0004, taken: 1, remaining: 0, seconds: 60)
        == "step 1 of 1, loss -0.000, 1.0/min, 0 s left")
  }
}
