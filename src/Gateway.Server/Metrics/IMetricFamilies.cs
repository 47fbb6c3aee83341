namespace Gateway.Server.Metrics;

/// <summary>Families of metrics of a part that not every server has.</summary>
internal interface IMetricFamilies
{
    void Write(PrometheusWriter writer);
}
