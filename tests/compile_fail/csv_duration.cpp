// expect: crema: a duration has no unit in text
#include "crema/csv.hpp"

void csv_duration() { (void)crema::read_csv<std::chrono::seconds>("durations.csv"); }
