// What the forward calls by name, for float32 and bfloat16.
//
// Letters: T tokens, C width, H query heads, K key-value heads, D head width, X capacity of a slot, O outputs.

#include "attention.h"
#include "elements.h"
#include "products.h"

extern "C" void best_f32(const float *scores, int64_t *tokens, float *log_probabilities, long rows, long vocabulary,
                         int threads) {
  best(scores, tokens, log_probabilities, rows, vocabulary, threads);
}

// How many rows a product of lines of `width` bfloat16 numbers (`narrow`), or of others, takes on this processor.
extern "C" long rows_at_most(long width, int narrow) {
#if defined(__AVX512BF16__)
  if (narrow && width % STRIDE == 0) return MANY;
#endif
  (void)width, (void)narrow;
  return FEW;
}

#define OF_TYPE(T, NAME)                                                                                               \
  extern "C" void norm_##NAME(T *x, const T *more, const T *weight, T *out, long rows, long width, float epsilon,     \
                              int threads) {                                                                           \
    norm<T>(x, more, weight, out, rows, width, epsilon, threads);                                                      \
  }                                                                                                                    \
  extern "C" void gated_##NAME(const T *both, T *out, long rows, long width, int threads) {                           \
    gated<T>(both, out, rows, width, threads);                                                                         \
  }                                                                                                                    \
  extern "C" void turned_##NAME(T *qkv, const T *cosine, const T *sine, const T *q_norm, const T *k_norm, long rows,  \
                                long stride, long heads, long key_heads, long width, float epsilon, int threads) {    \
    const T *norms[2] = {q_norm, k_norm};                                                                              \
    turned<T>(qkv, cosine, sine, norms, rows, stride, heads, key_heads, width, epsilon, threads);                      \
  }                                                                                                                    \
  extern "C" void kept_##NAME(const T *keys, const T *values, long stride, T *key_shelf, T *value_shelf,              \
                              const int64_t *targets, const int64_t *places, long tokens, long key_heads,             \
                              long width) {                                                                            \
    kept<T>(keys, values, stride, key_shelf, value_shelf, targets, places, tokens, key_heads, width);                  \
  }                                                                                                                    \
  extern "C" void attended_##NAME(const T *q, long stride, const T *keys, const T *values, const int64_t *lengths,    \
                                  T *out, long rows, long heads, long key_heads, long capacity, long width,           \
                                  long window, float scale, int threads) {                                             \
    attended<T>(q, stride, keys, values, lengths, out, rows, heads, key_heads, capacity, width, window, scale,        \
                threads);                                                                                              \
  }                                                                                                                    \
  extern "C" void softened_##NAME(T *scores, const uint8_t *hidden, long segments, long heads, long queries,          \
                                  long keys, long apart, float scale, int threads) {                                   \
    softened<T>(scores, hidden, segments, heads, queries, keys, apart, scale, threads);                                \
  }                                                                                                                    \
  extern "C" void product_##NAME(const T *x, const T *weight, const T *bias, T *out, long rows, long outputs,          \
                                 long width, const int64_t *whose, const int64_t *table, const int64_t *ends,          \
                                 long maps, long adapters, long most, int threads) {                                   \
    Adapters<T> of{whose, table, ends, maps, adapters, most, nullptr};                                                 \
    product<T>(x, weight, bias, out, rows, outputs, width, whose == nullptr ? nullptr : &of, threads);                 \
  }

OF_TYPE(float, f32)
OF_TYPE(uint16_t, bf16)
