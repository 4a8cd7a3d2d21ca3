// Random products of few rows whose memory ends exactly where they say: the address sanitizer sees a read or write beyond.

#include <cstdio>
#include <cstdlib>

#include "kernels.cpp"

template <class T> struct Heap {
  std::vector<T *> all;
  ~Heap() {
    for (T *one : all) std::free(one);
  }
  T *of(long count) {
    T *found = static_cast<T *>(std::malloc(count * sizeof(T)));
    for (long at = 0; at < count; at++) put(found[at], static_cast<float>(std::rand() % 100) / 50.0f - 1.0f);
    all.push_back(found);
    return found;
  }
};

template <class T> void once() {
  long width = std::rand() % 2 ? 96 : 77, rows = 1 + std::rand() % rows_at_most(width, RANKS<T> == 2);
  long maps = 1 + std::rand() % 3, adapters = 1 + std::rand() % 4, outputs = 0, most = 0;
  std::vector<long> widths;
  std::vector<int64_t> ends, table((adapters + 1) * maps * FIELDS), whose;
  for (long map = 0; map < maps; map++) {
    widths.push_back(1 + std::rand() % 70);
    ends.push_back(outputs += widths.back());
  }
  Heap<T> heap;
  for (long entry = 0; entry < adapters * maps; entry++) {
    long rank = std::rand() % 19, steps = (rank + RANKS<T> - 1) / RANKS<T>;
    table[entry * FIELDS] = reinterpret_cast<int64_t>(heap.of(rank * width));
    table[entry * FIELDS + 1] = reinterpret_cast<int64_t>(heap.of(steps * RANKS<T> * widths[entry % maps] + SPARE));
    table[entry * FIELDS + 2] = rank;
    most = std::max(most, rank);
  }
  for (long row = 0; row < rows; row++) whose.push_back(std::rand() % (adapters + 1));
  Adapters<T> of{whose.data(), table.data(), ends.data(), maps, adapters, most + most % 2, nullptr};
  const T *weight = std::rand() % 3 ? heap.of(outputs * width) : nullptr, *bias = std::rand() % 2 ? heap.of(outputs) : nullptr;
  product<T>(heap.of(rows * width), weight, bias, heap.of(rows * outputs), rows, outputs, width, std::rand() % 3 ? &of : nullptr, 2);
}

int main() {
  for (unsigned seed = 0; seed < 500; seed++) {
    std::srand(seed);
    once<uint16_t>();
    once<float>();
  }
  std::puts("nothing beyond");
}
