// Element-wise work: norms, gates, turns of queries and keys, softmax, the likeliest token. Rows are computed one by one:
// no value of a row reaches another.

#pragma once

#include "numbers.h"

namespace {

constexpr long WIDEST = 512;  // most values of a head

// x += more where there is more; out = x / root mean square of x * weight.
template <class T>
void norm(T *x, const T *more, const T *weight, T *out, long rows, long width, float epsilon, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads) if (rows * width > WORTH_THREADS)
  for (long row = 0; row < rows; row++) {
    T *own = x + row * width;
    T *result = out + row * width;
    if (more != nullptr) {
      const T *added = more + row * width;
#pragma omp simd
      for (long c = 0; c < width; c++) put(own[c], wide(own[c]) + wide(added[c]));
    }
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (long c = 0; c < width; c++) sum += wide(own[c]) * wide(own[c]);
    float scale = 1.0f / std::sqrt(sum / static_cast<float>(width) + epsilon);
#pragma omp simd
    for (long c = 0; c < width; c++) put(result[c], wide(own[c]) * scale * wide(weight[c]));
  }
}

// out = silu(gate) * up, for rows of gate and up behind one another.
template <class T> void gated(const T *both, T *out, long rows, long width, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads) if (rows * width > WORTH_THREADS)
  for (long row = 0; row < rows; row++) {
    const T *gate = both + row * 2 * width;
    const T *up = gate + width;
    T *result = out + row * width;
#pragma omp simd
    for (long c = 0; c < width; c++) {
      float g = wide(gate[c]);
      put(result[c], rounded<T>(g / (1.0f + exponential(-g))) * wide(up[c]));
    }
  }
}

// In place, for the first `heads` heads of each row of `stride` values: the head's norm where there is one, then the turn.
template <class T>
void turned(T *qkv, const T *cosine, const T *sine, const T *const *norms, long rows, long stride, long heads,
            long key_heads, long width, float epsilon, int threads) {
  long half = width / 2;
#pragma omp parallel for schedule(static) num_threads(threads) if (rows * stride > WORTH_THREADS)
  for (long row = 0; row < rows; row++) {
    float h[WIDEST];
    const T *cos = cosine + row * width;
    const T *sin = sine + row * width;
    for (long head = 0; head < heads + key_heads; head++) {
      T *own = qkv + row * stride + head * width;
      const T *weight = norms[head < heads ? 0 : 1];
      for (long d = 0; d < width; d++) h[d] = wide(own[d]);
      if (weight != nullptr) {
        float sum = 0;
#pragma omp simd reduction(+ : sum)
        for (long d = 0; d < width; d++) sum += h[d] * h[d];
        float scale = 1.0f / std::sqrt(sum / static_cast<float>(width) + epsilon);
        for (long d = 0; d < width; d++) h[d] = rounded<T>(h[d] * scale * wide(weight[d]));
      }
      if (cosine == nullptr) {
        for (long d = 0; d < width; d++) put(own[d], h[d]);
        continue;
      }
#pragma omp simd
      for (long d = 0; d < half; d++) {
        float left = h[d], right = h[d + half];
        put(own[d], rounded<T>(left * wide(cos[d])) + rounded<T>(right * wide(sin[d])));
        put(own[d + half], rounded<T>(right * wide(cos[d + half])) + rounded<T>(left * wide(sin[d + half])));
      }
    }
  }
}

// Weights of attention in place of scores [S, H, L, X]: softmax of scores * scale over what is not hidden. `hidden`: bytes
// [S or 1, L, X], `apart` bytes from one segment to the next (0: all have the same).
template <class T>
void softened(T *scores, const uint8_t *hidden, long segments, long heads, long queries, long keys, long apart,
              float scale, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads) collapse(2) if (segments * heads * queries * keys > WORTH_THREADS)
  for (long segment = 0; segment < segments; segment++) {
    for (long line = 0; line < heads * queries; line++) {
      static thread_local std::vector<float> memory;
      memory.resize(keys);
      float *own = memory.data();
      T *place = scores + (segment * heads * queries + line) * keys;
      const uint8_t *out_of_sight = hidden + segment * apart + (line % queries) * keys;
#pragma omp simd
      for (long at = 0; at < keys; at++) own[at] = out_of_sight[at] ? -INFINITY : wide(place[at]) * scale;
      float share = 1.0f / raised(own, keys);
#pragma omp simd
      for (long at = 0; at < keys; at++) put(place[at], out_of_sight[at] ? 0.0f : own[at] * share);
    }
  }
}

// The first highest score of each row and its natural log-probability; not a number where a score is not one.
void best(const float *scores, int64_t *tokens, float *log_probabilities, long rows, long vocabulary, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads)
  for (long row = 0; row < rows; row++) {
    const float *own = scores + row * vocabulary;
    float highest = -INFINITY, sum = 0;
#pragma omp simd reduction(max : highest)
    for (long at = 0; at < vocabulary; at++) highest = own[at] > highest ? own[at] : highest;
    long found = 0;
    while (found + 1 < vocabulary && own[found] != highest) found++;
#pragma omp simd reduction(+ : sum)
    for (long at = 0; at < vocabulary; at++) sum += exponential(own[at] - highest);
    tokens[row] = found;
    log_probabilities[row] = -std::log(sum);
  }
}

}  // namespace
