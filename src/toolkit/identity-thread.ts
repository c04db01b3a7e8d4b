import { openIdentifier } from "./identities.ts";
import { serve } from "./serve.ts";

serve(() => openIdentifier());
