import { openEmbedder } from "./conformers.ts";
import { serve } from "./serve.ts";

serve(openEmbedder);
