using Gateway.Core.Execution;
using Gateway.Core.Models.Configuration;

namespace Gateway.Core.Models;

/// <summary>A model version whose file is open and checked, without instances yet.</summary>
internal sealed record OpenedModel(ModelSource Source, ILoadedModel File, ModelLayout Layout, GatewayModelConfig Gateway);
