// expect: crema: a row of read_hdf5 that is a std::vector or std::array holds integers, float or double, or again such
#include "crema/hdf5.hpp"

void hdf5_row() { (void)crema::read_hdf5<std::vector<std::string>>("run.h5", "names"); }
