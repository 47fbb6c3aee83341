using Gateway.Load.Carriers.Frames;
using Gateway.Load.Carriers.Grpc;
using Gateway.Load.Carriers.Http;

namespace Gateway.Load.Carriers;

/// <summary>All carriers. A new one is added here, and nowhere else.</summary>
internal static class CarrierNames
{
    public static IReadOnlyList<ICarrier> All { get; } = [new HttpBinaryCarrier(), new HttpJsonCarrier(), new MessagePackHttpCarrier(), new FrameCarrier(), new GrpcCarrier(), new PlainHttpCarrier()];

    public static ICarrier? Find(string name) => All.FirstOrDefault(carrier => carrier.Name == name);

    /// <summary>The one that an address means when nothing else is said: the first of its scheme.</summary>
    /// <param name="hasModel">Whether a model is asked, or a plain path.</param>
    public static ICarrier? ForScheme(string scheme, bool hasModel) => All.FirstOrDefault(carrier => carrier.Scheme == scheme && carrier is PlainHttpCarrier != hasModel);
}
