// SPDX-License-Identifier: GPL-2.0
#include <cstdio>

#include "app.hpp"

int main(int argc, char** argv) {
    return libractl::run({argv + (argc > 0 ? 1 : 0), argv + argc}, stdout, stderr);
}
