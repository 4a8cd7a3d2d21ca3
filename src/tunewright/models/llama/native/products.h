// Products of few rows, where reading the weights is most of the work, and what low-rank adapters add to them.
//
// out = x W^T + b, and for a row with an adapter + (x down^T) up: each row has its own, and no value of a row reaches
// another. Sums are float32; x W^T + b and x down^T are rounded, as the library's products round them.

#pragma once

#include <omp.h>

#include "numbers.h"

namespace {

constexpr long FEW = 4;          // most rows of a product
constexpr long LINES = 16;       // outputs looked at together
constexpr long LINES_AHEAD = 4;  // lines of the weights to ask memory for before they are read
constexpr long STRIDE = 32;      // values of bfloat16 in a vector
constexpr long BESIDE = 4;       // rows that get what their adapters add together
constexpr long FIELDS = 3;       // of an entry of a table
template <class T> constexpr long RANKS = sizeof(T) == sizeof(uint16_t) ? 2 : 1;  // of a step through `up`
#if defined(__AVX512BF16__)
constexpr long MANY = 16;  // most rows of a product in bfloat16: beyond, the library is as fast
#endif

// What the adapters of some rows add. The outputs are those of `maps` linear maps, map m's end before `ends[m]`.
// `table` [adapters + 1, maps, FIELDS]: the address of `down` [rank, C], that of `up`, the rank (0: it adds nothing).
// `up` holds for each rank (in bfloat16: for each pair of ranks, side by side) a number an output, and 2 * LINES more at
// its end. `whose`: each row's adapter. `low` [rows, maps, most]: x down^T, with zeros behind an adapter's rank.
template <class T> struct Adapters {
  const int64_t *whose, *table, *ends;
  long maps, adapters, most;
  T *low;

  const int64_t *entry(long adapter, long map) const { return table + (adapter * maps + map) * FIELDS; }
  long rank(long adapter, long map) const { return static_cast<long>(entry(adapter, map)[2]); }
  const T *down(long adapter, long map) const { return reinterpret_cast<const T *>(entry(adapter, map)[0]); }
  T *of(long row, long map) const { return low + (row * maps + map) * most; }
};

// Part `at` of `parts` of `count` things, in whole multiples of `multiple`.
struct Span {
  long start, end;
  Span(long count, long multiple, long at, long parts) {
    long whole = (count + multiple - 1) / multiple;
    start = std::min(count, whole * at / parts * multiple);
    end = std::min(count, whole * (at + 1) / parts * multiple);
  }
};

#if defined(__AVX512BF16__)
// Memory that is read soon, asked for `each` vectors at a time: without it threads wait more than half the time, and all
// asked for at once waits, too.
struct Soon {
  const uint16_t *from;
  long each;
};

// Four rows of x with four lines, as sums of pairs of bfloat16 in float32: sums[4 * row + line].
inline V16 four_by_four(const uint16_t *const *x, const uint16_t *const *lines, long width, Soon soon) {
  __m512 found[16];
#pragma GCC unroll 16
  for (int at = 0; at < 16; at++) found[at] = _mm512_setzero_ps();
  for (long c = 0; c < width; c += STRIDE) {
    __m512bh weight[4];
#pragma GCC unroll 4
    for (int line = 0; line < 4; line++)
      weight[line] = reinterpret_cast<__m512bh>(_mm512_loadu_si512(lines[line] + c));
    for (long at = 0; at < soon.each; at++) __builtin_prefetch(soon.from + c * soon.each + at * STRIDE);
#pragma GCC unroll 4
    for (int row = 0; row < 4; row++) {
      __m512bh own = reinterpret_cast<__m512bh>(_mm512_loadu_si512(x[row] + c));
#pragma GCC unroll 4
      for (int line = 0; line < 4; line++)
        found[4 * row + line] = _mm512_dpbf16_ps(found[4 * row + line], weight[line], own);
    }
  }
  V16 parts[16];
  std::memcpy(parts, found, sizeof(parts));
  return summed(parts);
}

// Sums of `count` rows (at most four; `x` names four) with lines from `first` to `end`, at most LINES, four at a time:
// those of row r go to places[r].
inline void of_lines(const uint16_t *const *x, const uint16_t *weight, long first, long end, long width, Soon soon,
                     float *const *places, long count) {
  for (long start = first; start < end; start += 4) {
    const uint16_t *lines[4];
    for (long line = 0; line < 4; line++) lines[line] = weight + std::min(start + line, end - 1) * width;
    V16 sums = four_by_four(x, lines, width, soon);
    for (long row = 0; row < count; row++)
      std::memcpy(places[row] + start - first, reinterpret_cast<float *>(&sums) + 4 * row, 4 * sizeof(float));
  }
}

// Rows `first` and on, at most four, of x; a row that is not there is the last one.
inline long four_rows(const uint16_t *x, long rows, long width, long first, const uint16_t **found) {
  for (long row = 0; row < 4; row++) found[row] = x + std::min(first + row, rows - 1) * width;
  return std::min(4L, rows - first);
}
#endif

// One sum for each row and line, line by line: x is wide already.
template <class T, class Keep>
inline void of_few(const float *x, long rows, const T *weight, long start, long end, long width, Keep keep) {
  for (long line = start; line < end; line++) {
    const T *own = weight + line * width;
    for (long row = 0; row < rows; row++) {
      float sum = 0;
#pragma omp simd reduction(+ : sum)
      for (long c = 0; c < width; c++) sum += wide(own[c]) * x[row * width + c];
      keep(row, line, sum);
    }
  }
}

// Rows as products read them: as they are, and where few lines of code suffice, as float32.
template <class T> struct Rows {
  const T *x;
  const float *wide_x;
  long count, width;
};

// True where rows are multiplied as pairs of bfloat16.
template <class T> inline bool paired(long rows, long width) {
#if defined(__AVX512BF16__)
  return sizeof(T) == sizeof(uint16_t) && rows > 2 && width % STRIDE == 0;
#else
  return (void)rows, (void)width, false;
#endif
}

// Outputs `start` to `end`, at most LINES, of all rows.
template <class T>
void lines_of(const Rows<T> &x, const T *weight, const T *bias, T *out, long outputs, long start, long end) {
#if defined(__AVX512BF16__)
  if constexpr (sizeof(T) == sizeof(uint16_t)) {
    if (paired<T>(x.count, x.width)) {
      float sums[MANY][LINES], added[LINES] = {};
      for (long line = start; line < end && bias != nullptr; line++) added[line - start] = wide(bias[line]);
      for (long group = start; group < end; group += 4) {  // all rows while the lines are near
        long last = std::min(end, group + 4);
        long blocks = (x.count + 3) / 4, each = (4 + blocks - 1) / blocks;
        for (long first = 0; first < x.count; first += 4) {
          const uint16_t *rows[4];
          long count = four_rows(x.x, x.count, x.width, first, rows);
          float *places[4];
          for (long row = 0; row < count; row++) places[row] = sums[first + row] + group - start;
          Soon soon{weight + (group + LINES_AHEAD) * x.width + first / 4 * each * x.width, each};
          of_lines(rows, weight, group, last, x.width, soon, places, count);
        }
      }
      for (long row = 0; row < x.count; row++) {
        T narrow[LINES];
#pragma omp simd
        for (long line = 0; line < LINES; line++) put(narrow[line], sums[row][line] + added[line]);
        std::memcpy(out + row * outputs + start, narrow, (end - start) * sizeof(T));
      }
      return;
    }
  }
#endif
  auto keep = [&](long row, long line, float sum) {
    put(out[row * outputs + line], sum + (bias == nullptr ? 0.0f : wide(bias[line])));
  };
  of_few(x.wide_x, x.count, weight, start, end, x.width, keep);
}

#if defined(__AVX512BF16__)
// x down^T of this thread's part of the ranks, for the rows that use an adapter, four at a time.
inline void lowered_of(const Rows<uint16_t> &x, const Adapters<uint16_t> &of, long adapter, long map, long thread,
                       long threads) {
  Span own(of.rank(adapter, map), 1, thread, threads);
  const uint16_t *rows[BESIDE];
  uint16_t *places[BESIDE];
  long count = 0;
  for (long row = 0; row <= x.count; row++) {
    if (row < x.count && of.whose[row] == adapter) {
      for (long at = count; at < BESIDE; at++) rows[at] = x.x + row * x.width;
      places[count++] = of.of(row, map);
    }
    if (count == 0 || (count < BESIDE && row < x.count)) continue;
    for (long first = own.start; first < own.end; first += LINES) {
      float sums[BESIDE][LINES], *wide_places[BESIDE] = {sums[0], sums[1], sums[2], sums[3]};
      long end = std::min(own.end, first + LINES);
      of_lines(rows, of.down(adapter, map), first, end, x.width, Soon{nullptr, 0}, wide_places, count);
      for (long at = 0; at < count; at++)
        for (long line = first; line < end; line++) put(places[at][line], sums[at][line - first]);
    }
    count = 0;
  }
}
#endif

// x down^T of this thread's part of the ranks, adapter by adapter over the rows that use it.
template <class T> void lowered(const Rows<T> &x, const Adapters<T> &of, long thread, long threads) {
  for (long map = 0; map < of.maps; map++) {
#if defined(__AVX512BF16__)
    if constexpr (sizeof(T) == sizeof(uint16_t)) {
      if (paired<T>(x.count, x.width)) {
        for (long adapter = 0; adapter < of.adapters; adapter++) lowered_of(x, of, adapter, map, thread, threads);
        continue;
      }
    }
#endif
    for (long row = 0; row < x.count; row++) {
      long adapter = static_cast<long>(of.whose[row]);
      Span own(of.rank(adapter, map), 1, thread, threads);
      T *place = of.of(row, map);
      auto keep = [&](long, long line, float sum) { put(place[line], sum); };
      if (own.start < own.end)
        of_few(x.wide_x + row * x.width, 1, of.down(adapter, map), own.start, own.end, x.width, keep);
    }
  }
}

// Sixteen sums += the numbers of one step of `up` times the value (bfloat16: the pair of values) of `low`.
inline V16 stepped(V16 sums, const float *low, const float *up) { return sums + low[0] * sixteen(up); }

inline V16 stepped(V16 sums, const uint16_t *low, const uint16_t *up) {
#if defined(__AVX512BF16__)
  int32_t pair;
  std::memcpy(&pair, low, sizeof(pair));
  __m512bh numbers = reinterpret_cast<__m512bh>(_mm512_loadu_si512(up));
  return reinterpret_cast<V16>(
      _mm512_dpbf16_ps(reinterpret_cast<__m512>(sums), numbers, reinterpret_cast<__m512bh>(_mm512_set1_epi32(pair))));
#else
  U16 both;
  std::memcpy(&both, up, sizeof(both));
  V16 first = reinterpret_cast<V16>(both << 16), second = reinterpret_cast<V16>(both & 0xffff0000u);
  return sums + wide(low[0]) * first + wide(low[1]) * second;
#endif
}

// Rows that go through `up` together: as many steps each; places that are not used repeat the last row and keep nothing.
template <class T> struct Together {
  const T *low[BESIDE], *up[BESIDE];
  long row[BESIDE], count, steps;
};

template <class T> std::vector<Together<T>> together(const Adapters<T> &of, long rows, long map) {
  std::vector<Together<T>> found;
  for (long row = 0; row < rows; row++) {
    long adapter = static_cast<long>(of.whose[row]), steps = (of.rank(adapter, map) + RANKS<T> - 1) / RANKS<T>;
    if (steps == 0) continue;
    if (found.empty() || found.back().count == BESIDE || found.back().steps != steps) {
      found.emplace_back();
      found.back().count = 0;
      found.back().steps = steps;
    }
    Together<T> &group = found.back();
    for (long at = group.count; at < BESIDE; at++) {
      group.low[at] = of.of(row, map);
      group.up[at] = reinterpret_cast<const T *>(of.entry(adapter, map)[1]);
      group.row[at] = row;
    }
    group.count++;
  }
  return found;
}

// The outputs from `first` of a map that begins at `begin` and has `wide_map`, at most LINES of them, += low up.
template <class T>
inline void raised_by(const Together<T> &rows, T *out, long outputs, long begin, long first, long count, long wide_map) {
  T own[BESIDE][LINES] = {};
  V16 sums[BESIDE];
  for (long at = 0; at < rows.count; at++) {
    const T *place = out + rows.row[at] * outputs + begin + first;
    std::memcpy(own[at], place, count * sizeof(T));
  }
#pragma GCC unroll 4
  for (int at = 0; at < BESIDE; at++) sums[at] = sixteen(own[at]);
  for (long step = 0; step < rows.steps; step++) {
#pragma GCC unroll 4
    for (int at = 0; at < BESIDE; at++)
      sums[at] = stepped(sums[at], rows.low[at] + step * RANKS<T>, rows.up[at] + (step * wide_map + first) * RANKS<T>);
  }
  for (long at = 0; at < rows.count; at++) {
#pragma omp simd
    for (long line = 0; line < LINES; line++) put(own[at][line], sums[at][line]);
    std::memcpy(out + rows.row[at] * outputs + begin + first, own[at], count * sizeof(T));
  }
}

// out = x weight^T + bias (where there is a weight) for at most rows_at_most() rows, + what adapters add (where there are
// any) for any number of rows. Reads each weight once.
template <class T>
void product(const T *x, const T *weight, const T *bias, T *out, long rows, long outputs, long width,
             const Adapters<T> *adapters, int threads) {
  static thread_local std::vector<float> memory;
  static thread_local std::vector<T> low;
  if (!paired<T>(rows, width)) {
    memory.resize(rows * width);
    for (long at = 0; at < rows * width; at++) memory[at] = wide(x[at]);
  }
  Rows<T> own{x, memory.data(), rows, width};
  int64_t all[] = {outputs};
  Adapters<T> of = adapters != nullptr ? *adapters : Adapters<T>{nullptr, nullptr, all, 1, 0, 0, nullptr};
  if (adapters != nullptr) {
    low.assign(rows * of.maps * of.most, T{});
    of.low = low.data();
  }
#pragma omp parallel num_threads(threads)
  {
    long thread = omp_get_thread_num(), count = omp_get_num_threads();
    if (adapters != nullptr) {
      lowered(own, of, thread, count);
#pragma omp barrier
    }
    for (long map = 0; map < of.maps; map++) {
      long begin = map == 0 ? 0 : static_cast<long>(of.ends[map - 1]), wide_map = static_cast<long>(of.ends[map]) - begin;
      std::vector<Together<T>> groups;
      if (adapters != nullptr) groups = together(of, rows, map);
      Span part(wide_map, LINES, thread, count);
      for (long first = part.start; first < part.end; first += LINES) {
        long end = std::min(part.end, first + LINES);
        if (weight != nullptr) lines_of(own, weight, bias, out, outputs, begin + first, begin + end);
        for (const Together<T> &group : groups) raised_by(group, out, outputs, begin, first, end - first, wide_map);
      }
    }
  }
}

}  // namespace
