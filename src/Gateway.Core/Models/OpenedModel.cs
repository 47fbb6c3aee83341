using Gateway.Core.Execution;
using Gateway.Core.Models.Configuration;

namespace Gateway.Core.Models;

/// <summary>A model version whose file is open and checked, without instances yet.</summary>
/// <param name="Digest">See <see cref="ServedModel.Digest"/>.</param>
/// <param name="Stamp">What the files looked like before they were opened; empty for a model without a cache.</param>
internal sealed record OpenedModel(ModelSource Source, ILoadedModel File, ModelLayout Layout, GatewayModelConfig Gateway, UInt128 Digest, string Stamp = "");
