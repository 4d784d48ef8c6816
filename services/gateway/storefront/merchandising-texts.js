// The texts of the merchandisers' screen: a dictionary of its own, which no shopper loads.

import { language, learn } from "./texts.js";

learn((await import(`./merchandising-texts-${language}.js`)).default);
