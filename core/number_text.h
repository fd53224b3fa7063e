#pragma once

// Numbers in messages and tables of parameters.

#include <string>

namespace vlm {

// Up to six significant digits, without zeros behind them: "0.5", "1e-08", "1000".
std::string number_text(double value);

}  // namespace vlm
