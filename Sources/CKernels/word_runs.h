// The loops over the runs of 32 rows, whatever the width of vectors. A file that includes this has defined
// - TARGET, the instructions it may use, and FORMAT, the same for what is compiled for each format by itself,
// - NAMED(name), the functions' names,
// - pack_run, pack_run_transposed and copy_minima, which do one run.

FORMAT void pack_runs(stored_format format, const uint8_t *const rows[words_run], ptrdiff_t ahead, ptrdiff_t count,
                      char *records) {
  for (ptrdiff_t run = 0; run < count; run++) {
    pack_run(format, rows, place_of(format, run), ahead, records + run * words_weight_bytes);
  }
}

TARGET void NAMED(pack_weights)(stored_format format, const uint8_t *const rows[words_run], ptrdiff_t ahead,
                                ptrdiff_t count, void *records) {
  FOR_FORMAT(format, pack_runs, rows, ahead, count, records)
}

FORMAT void pack_runs_transposed(stored_format format, const uint8_t *const rows[words_run], ptrdiff_t ahead,
                                 ptrdiff_t first, ptrdiff_t count, char *records, ptrdiff_t stride) {
  for (ptrdiff_t i = 0; i < count; i++) {
    pack_run_transposed(format, rows, place_of(format, first + i), ahead, records + i * stride);
  }
}

TARGET void NAMED(pack_transposed)(stored_format format, const uint8_t *const rows[words_run], ptrdiff_t ahead,
                                   ptrdiff_t first, ptrdiff_t count, void *records, ptrdiff_t stride) {
  FOR_FORMAT(format, pack_runs_transposed, rows, ahead, first, count, records, stride)
}

FORMAT void copy_all_minima(stored_format format, const uint8_t *const rows[words_run], ptrdiff_t count, float *minima,
                            ptrdiff_t stride) {
  for (ptrdiff_t run = 0; run < count; run++) copy_minima(format, rows, place_of(format, run), minima + run, stride);
}

TARGET void NAMED(minima)(stored_format format, const uint8_t *const rows[words_run], ptrdiff_t count, float *minima,
                          ptrdiff_t stride) {
  FOR_FORMAT(format, copy_all_minima, rows, count, minima, stride)
}
