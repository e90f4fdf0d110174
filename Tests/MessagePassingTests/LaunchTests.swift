import MessagePassing
import Testing

@Suite struct LaunchTests {
  private static func launch(_ environment: [String: String]) -> Launch? { Launch { environment[$0] } }

  @Test func aloneUnlessALauncherSaysOtherwise() {
    #expect(Self.launch([:]) == nil)
    // A batch script of Slurm, an srun of one task, an mpirun of one process.
    #expect(Self.launch(["SLURM_NTASKS": "4", "SLURM_PROCID": "0"]) == nil)
    #expect(Self.launch(["SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0", "PMIX_RANK": "0"]) == nil)
    #expect(Self.launch(["OMPI_COMM_WORLD_SIZE": "1", "OMPI_COMM_WORLD_RANK": "0", "PMIX_RANK": "0"]) == nil)
    #expect(Self.launch(["OMPI_COMM_WORLD_SIZE": ""]) == nil)
  }

  @Test func whatLaunchersSay() {
    let mpirun = Self.launch(["OMPI_COMM_WORLD_SIZE": "3", "OMPI_COMM_WORLD_RANK": "2", "PMIX_RANK": "2"])
    #expect(mpirun == Launch(size: 3, rank: 2, variable: "OMPI_COMM_WORLD_SIZE"))
    let slurm = Self.launch(["SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "1", "PMIX_RANK": "1"])
    #expect(slurm == Launch(size: 4, rank: 1, variable: "SLURM_STEP_NUM_TASKS"))
    // srun without --mpi=pmix.
    let unconnected = Self.launch(["SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "1"])
    #expect(unconnected?.isConnected == false && slurm?.isConnected == true && mpirun?.isConnected == true)
    #expect(Self.launch(["PMI_SIZE": "2", "PMI_RANK": "1"]) == Launch(size: 2, rank: 1, variable: "PMI_SIZE"))
    #expect(Self.launch(["PMIX_RANK": "5"]) == Launch(size: nil, rank: 5, variable: "PMIX_RANK"))
    // The launcher nearest to the process is mpirun: Slurm started that.
    let inside = Self.launch(["OMPI_COMM_WORLD_SIZE": "1", "SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "0"])
    #expect(inside == nil)
  }

  @Test func launchersThatDoNotWork() {
    let launch = Launch(size: 2, rank: 1, variable: "PMI_SIZE")
    #expect(throws: LaunchError.self) { try launch.check(found: 1) }
    #expect(throws: LaunchError.self) { try launch.check(found: nil) }
    #expect(throws: Never.self) { try launch.check(found: 2) }
    #expect(throws: Never.self) { try Launch(size: nil, rank: 0, variable: "PMIX_RANK").check(found: 3) }
  }
}
