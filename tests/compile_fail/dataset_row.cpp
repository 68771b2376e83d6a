// expect: crema: the first parameter of a dataset's function must take the dataset's row
#include "crema/dataset.hpp"

std::string shout(const std::string& drink) { return drink + "!"; }

void dataset_row() { (void)crema::range(9).map<shout>(); }
