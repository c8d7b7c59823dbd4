import './formats.mjs';
import './page.mjs';
