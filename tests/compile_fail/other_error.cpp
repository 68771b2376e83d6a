// expect: crema: a sentence that the compiler does not write
int other_error() { return undeclared; }
