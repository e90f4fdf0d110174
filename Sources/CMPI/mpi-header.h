#include <mpi.h>

// MPI's constants are macros that Swift does not see; these functions name them. Each gives MPI's error code.

/// Joins the other ranks; MPI is called by one thread of the process only. Errors are returned from then on.
static inline int CMPIJoin(int *rank, int *size) {
  int provided;
  int code = MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
  if (code == MPI_SUCCESS) code = MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  if (code == MPI_SUCCESS) code = MPI_Comm_rank(MPI_COMM_WORLD, rank);
  if (code == MPI_SUCCESS) code = MPI_Comm_size(MPI_COMM_WORLD, size);
  return code;
}

/// Begins to tell every rank's number to all ranks.
static inline int CMPIBeginAllGather(const long long *number, long long *numbers, MPI_Request *request) {
  return MPI_Iallgather(number, 1, MPI_LONG_LONG, numbers, 1, MPI_LONG_LONG, MPI_COMM_WORLD, request);
}

/// Whether what was begun is done.
static inline int CMPITest(MPI_Request *request, int *isDone) { return MPI_Test(request, isDone, MPI_STATUS_IGNORE); }

/// All ranks' bytes on every rank.
static inline int CMPIAllGatherBytes(
  const void *bytes, int count, void *all, const int *counts, const int *offsets) {
  return MPI_Allgatherv(bytes, count, MPI_BYTE, all, counts, offsets, MPI_BYTE, MPI_COMM_WORLD);
}

/// Sends the block at place k to rank k, and puts the block from rank k at place k.
static inline int CMPIAllToAll(const float *sent, float *received, int block) {
  return MPI_Alltoall(sent, block, MPI_FLOAT, received, block, MPI_FLOAT, MPI_COMM_WORLD);
}

/// All ranks' blocks on every rank, in the order of the ranks.
static inline int CMPIAllGather(const float *block, int count, float *all) {
  return MPI_Allgather(block, count, MPI_FLOAT, all, count, MPI_FLOAT, MPI_COMM_WORLD);
}

/// Ends the processes of all ranks.
static inline int CMPIAbort(int status) { return MPI_Abort(MPI_COMM_WORLD, status); }

enum { CMPISuccess = MPI_SUCCESS, CMPILongestMessage = MPI_MAX_ERROR_STRING };
