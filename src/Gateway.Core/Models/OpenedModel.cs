using Gateway.Core.Execution;
using Gateway.Core.Models.Configuration;

namespace Gateway.Core.Models;

/// <summary>A model version whose file is open and checked, without instances yet.</summary>
/// <param name="FilesDigest">See <see cref="ModelDigest.OfFiles"/>; with <see cref="ILoadedModel.Identity"/>.</param>
/// <param name="Digest">See <see cref="ServedModel.Digest"/>.</param>
internal sealed record OpenedModel(ModelSource Source, ILoadedModel File, ModelLayout Layout, GatewayModelConfig Gateway, byte[] FilesDigest, UInt128 Digest);
